//! HTTP/1.0 and HTTP/1.1 on the client's side: one request at a time on a connection.

use std::sync::Arc;

use crate::dialogue::{Answer, Dialogue, Ending, Malformed, Reply};
use crate::http1_response::Response;
use crate::plan::{Protocol, Target};
use crate::reason::Failure;
use crate::redirect::Redirect;

/// The request of one target, and what is needed to follow a redirect of it.
pub(crate) struct Request {
    target: Target,
    wire: Vec<u8>,
}

impl Request {
    pub(crate) fn new(target: &Target) -> Self {
        Self {
            wire: encode(target),
            target: target.clone(),
        }
    }
}

/// The request as bytes, the same every time.
pub(crate) fn encode(target: &Target) -> Vec<u8> {
    let body = target.body_bytes();
    let given = |name: &str| {
        target
            .headers
            .iter()
            .any(|(key, _)| key.eq_ignore_ascii_case(name))
    };
    let version = match target.protocol {
        Protocol::Http1_0 => "1.0",
        _ => "1.1",
    };
    let mut head = format!("{} {} HTTP/{version}\r\n", target.method, target.path);
    if !given("host") {
        head.push_str(&format!("Host: {}\r\n", target.host));
    }
    if target.requests_per_connection == Some(1) && version == "1.1" && !given("connection") {
        head.push_str("Connection: close\r\n");
    }
    for (name, value) in &target.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let expects_body = matches!(target.method.as_str(), "POST" | "PUT" | "PATCH");
    if !given("content-length") && !given("transfer-encoding") && (!body.is_empty() || expects_body)
    {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(&body);
    request
}

/// One request at a time, and its response.
pub(crate) struct Http1 {
    request: Arc<Request>,
    response: Response,
    under_way: bool,
    /// Where the request under way went, when that is not where the target says.
    moved: Option<Box<Target>>,
}

impl Http1 {
    pub(crate) fn new(request: Arc<Request>) -> Self {
        let head_only = request.target.method == "HEAD";
        let mut response = Response::new(head_only);
        response.location = request.target.follow_redirects.then(Vec::new);
        Self {
            request,
            response,
            under_way: false,
            moved: None,
        }
    }

    fn finish(&mut self, reply: Reply, answers: &mut Vec<Answer>) {
        self.under_way = false;
        let asked = self.moved.as_deref().unwrap_or(&self.request.target);
        let redirect = self.response.location.as_ref().and_then(|location| {
            let location = (!location.is_empty()).then_some(location.as_slice());
            let secure = asked.tls.is_some();
            Redirect::of(
                reply.status,
                location,
                &asked.host,
                secure,
                &asked.path,
                &asked.method,
            )
        });
        answers.push(Answer::new(
            0,
            match redirect {
                Some(redirect) => Ending::Redirect(reply, redirect),
                None => Ending::Reply(reply),
            },
        ));
    }
}

impl Dialogue for Http1 {
    fn open(&mut self, _out: &mut Vec<u8>) {
        self.response.reset();
        self.under_way = false;
    }

    fn room(&self) -> Option<u32> {
        Some(1)
    }

    #[inline]
    fn begin(&mut self, _place: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.request.wire);
        self.under_way = true;
        if self.moved.take().is_some() {
            self.response.head_only = self.request.target.method == "HEAD";
        }
    }

    fn follow(&mut self, _place: u32, redirect: &Redirect, out: &mut Vec<u8>) {
        let mut target = match self.moved.take() {
            Some(target) => target,
            None => Box::new(self.request.target.clone()),
        };
        if !target.redirect(redirect) {
            return;
        }
        out.extend_from_slice(&encode(&target));
        self.response.head_only = target.method == "HEAD";
        self.moved = Some(target);
        self.under_way = true;
    }

    #[inline]
    fn feed(
        &mut self,
        bytes: &[u8],
        _out: &mut Vec<u8>,
        answers: &mut Vec<Answer>,
    ) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        if !self.under_way {
            // Behind a reply of this very read the reply stands and the connection ends; otherwise nobody asked.
            return match answers.last_mut().map(|answer| &mut answer.ending) {
                Some(Ending::Reply(reply) | Ending::Redirect(reply, _)) => {
                    reply.keep = false;
                    Ok(())
                }
                _ => Err(Malformed("bytes came that nobody asked for").into()),
            };
        }
        if let Some(reply) = self.response.feed(bytes)? {
            self.finish(reply, answers);
        }
        Ok(())
    }

    fn end(&mut self, answers: &mut Vec<Answer>) {
        if self.under_way
            && let Some(reply) = self.response.end()
        {
            self.finish(reply, answers);
        }
    }
}

#[cfg(test)]
#[path = "http1_tests.rs"]
mod tests;
