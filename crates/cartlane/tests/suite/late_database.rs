//! A database that can't be reached yet when the server starts.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use cartlane_testkit::postgres::Cluster;

use crate::common::{House, Setup, payload};

/// How many connections are cut before the database is there.
const CUT: usize = 2;

#[test]
fn a_start_waits_for_a_database_that_is_not_there_yet() {
    let url = Cluster::shared().fresh_database();
    let (before, port) = url.split_once("@127.0.0.1:").expect("a local database");
    let (port, name) = port.split_once('/').expect("a database's name");
    let late = late(port.parse().expect("a port"));
    let house = House::with(Setup {
        database_url: Some(format!("{before}@127.0.0.1:{late}/{name}")),
        ..Setup::default()
    });
    assert!(house.log().contains("trying again"), "the start was put off");
    assert!(!house.deliver(&payload::order(1)).is_repeat());
    house.drain();
    assert_eq!(house.contacts().len(), 1);
}

/// A port that leads to `database` after [`CUT`] connections that lead nowhere.
fn late(database: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten().skip(CUT) {
            let Ok(server) = TcpStream::connect(("127.0.0.1", database)) else {
                return;
            };
            pass_on(&client, &server);
            pass_on(&server, &client);
        }
    });
    port
}

/// Copies what comes from one side to the other until it ends.
fn pass_on(from: &TcpStream, to: &TcpStream) {
    let mut from = from.try_clone().expect("another handle");
    let mut to = to.try_clone().expect("another handle");
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to); // either side may go away
        let _ = to.shutdown(Shutdown::Write);
    });
}
