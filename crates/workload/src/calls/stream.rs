//! One call on an HTTP/2 connection: what is still to be sent, and what came of its reply.

use meshperf_http2::SendWindow;
use meshperf_http2::grpc::MessageReader;

use super::exchange::Ending;
use crate::http2::Body;

pub struct Stream {
    pub call: u64,
    pub body: Body,
    pub send: SendWindow,
    /// 0 before the reply's head has come.
    pub status: u16,
    pub grpc: Option<u8>,
    messages: MessageReader,
    /// gRPC messages that came whole.
    whole: u32,
    /// What came is not a sequence of gRPC messages.
    spoilt: bool,
}

impl Stream {
    pub fn new(call: u64, body: Body, window: u32) -> Self {
        Stream {
            call,
            body,
            send: SendWindow::new(window),
            status: 0,
            grpc: None,
            messages: MessageReader::new(u32::MAX),
            whole: 0,
            spoilt: false,
        }
    }

    /// Takes in a piece of a gRPC reply.
    pub fn take_messages(&mut self, bytes: &[u8]) {
        match self.messages.count(bytes) {
            Ok(whole) => self.whole = self.whole.saturating_add(whole),
            Err(_) => self.spoilt = true,
        }
    }

    /// How its call ended, now that all of the reply is there.
    pub fn ending(&self, grpc: bool) -> Ending {
        if self.status < 200 {
            return Ending::Failed;
        }
        if !grpc {
            return Ending::of_status(self.status);
        }
        let whole = self.whole == 1 && !self.spoilt && self.messages.finish().is_ok();
        if self.status == 200 && self.grpc == Some(0) && whole {
            Ending::Well
        } else {
            Ending::Failed
        }
    }
}
