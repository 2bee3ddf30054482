//! A connection driven by hand over a real socket pair: what it waits for, and that it costs no allocation.

#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

use crate::connection::{Connection, Step};
use crate::counters::Counters;
use crate::options::{self, Request};
use crate::service::Service;
use crate::transport::Transport;

thread_local! {
    pub static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is handed on to the system's allocator; counting touches a thread-local without a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\naccept: */*\r\n\r\n";

pub fn service(line: &str) -> Service {
    let words = format!("--listen 127.0.0.1:0 {line}");
    match options::parse(words.split_whitespace().map(Into::into)) {
        Ok(Request::Serve(options)) => Service::new(&options, 0, Arc::new(Counters::default())),
        other => panic!("{other:?}"),
    }
}

pub fn pair() -> (TcpStream, Connection) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let client = TcpStream::connect(listener.local_addr().expect("an address")).expect("connected");
    let (server, peer) = listener.accept().expect("accepted");
    server.set_nonblocking(true).expect("non-blocking");
    (client, Connection::new(Transport::new(server, None), peer))
}

/// Lets the connection go on, as the loop does when the socket became readable, until it has read something.
pub fn arrive(connection: &mut Connection, service: &mut Service) -> Step {
    loop {
        connection.transport.note_ready(true, false);
        let step = connection.advance(service);
        if step != Step::Socket || connection.transport.take_byte_counts().0 > 0 {
            return step;
        }
    }
}

#[test]
fn a_plain_request_allocates_nothing() {
    let mut service = service("--response-bytes 1024 --status 503:0.1");
    let (mut client, mut connection) = pair();
    let mut reply = [0; 4096];
    let mut exchange = || {
        client.write_all(GET).expect("sent");
        assert_eq!(arrive(&mut connection, &mut service), Step::Socket);
        assert!(client.read(&mut reply).expect("a reply") > 1024);
    };
    exchange();
    let before = ALLOCATIONS.with(Cell::get);
    for _ in 0..200 {
        exchange();
    }
    assert_eq!(ALLOCATIONS.with(Cell::get) - before, 0);
    drop(vec![0u8; 10]);
    assert!(ALLOCATIONS.with(Cell::get) > before, "the counter counts");
}

#[test]
fn a_reply_waits_for_its_service_time_and_comes_with_the_timer() {
    let mut service = service("--response-bytes 3 --service-time 5ms");
    let (mut client, mut connection) = pair();
    client.write_all(GET).expect("sent");
    let begin = crate::sys::now_ns();
    let Step::Time(due) = arrive(&mut connection, &mut service) else {
        panic!("no service time")
    };
    assert!(due >= begin + 5_000_000 && due <= crate::sys::now_ns() + 5_000_000);
    assert_eq!(connection.advance(&mut service), Step::Socket);
    client.set_nonblocking(true).expect("non-blocking");
    assert!(
        client.read(&mut [0; 100]).is_err(),
        "nothing is sent before it is due"
    );
    assert_eq!(connection.timer(&mut service), Step::Socket);
    client.set_nonblocking(false).expect("blocking");
    let mut reply = [0; 200];
    let n = client.read(&mut reply).expect("a reply");
    assert!(reply[..n].ends_with(b"\r\n\r\n012"));
}

#[test]
fn many_pipelined_requests_give_others_their_turn() {
    let mut service = service("--response-bytes 0");
    let (mut client, mut connection) = pair();
    client.write_all(&GET.repeat(200)).expect("sent");
    let mut turns = 0;
    while arrive(&mut connection, &mut service) == Step::Turn {
        turns += 1;
        if turns > 100 {
            break;
        }
    }
    assert!((2..100).contains(&turns), "{turns}");
}
