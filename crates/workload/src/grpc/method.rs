//! The methods there are, by their paths.

/// The path of the method that calls between services use.
pub const ECHO_UNARY: &str = "/meshperf.echo.v1.Echo/Unary";

/// A method of one of the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    Unary,
    ClientStream,
    ServerStream,
    Bidi,
    HealthCheck,
    HealthWatch,
    Reflection,
}

impl Method {
    pub fn of(path: &[u8]) -> Option<Self> {
        Some(match path {
            path if path == ECHO_UNARY.as_bytes() => Self::Unary,
            b"/meshperf.echo.v1.Echo/ClientStream" => Self::ClientStream,
            b"/meshperf.echo.v1.Echo/ServerStream" => Self::ServerStream,
            b"/meshperf.echo.v1.Echo/Bidi" => Self::Bidi,
            b"/grpc.health.v1.Health/Check" => Self::HealthCheck,
            b"/grpc.health.v1.Health/Watch" => Self::HealthWatch,
            b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
            | b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo" => Self::Reflection,
            _ => return None,
        })
    }

    /// Whether each request is answered when it comes, and not the call when it ends.
    pub fn answers_each(self) -> bool {
        matches!(self, Self::Bidi | Self::Reflection)
    }

    /// Whether a call has exactly one request.
    pub fn takes_one(self) -> bool {
        !matches!(self, Self::ClientStream | Self::Bidi | Self::Reflection)
    }

    /// Whether service time and chosen statuses apply: questions about the server are answered at once and well.
    pub fn is_served(self) -> bool {
        matches!(
            self,
            Self::Unary | Self::ClientStream | Self::ServerStream | Self::Bidi
        )
    }
}
