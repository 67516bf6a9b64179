//! A disk that is full: the sender is told to come back, nothing acknowledged is lost, and it gets over by itself.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::common::{House, Setup, http::Answer, payload, skip, wait_for};

/// A file system of its own in memory; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(megabytes: u32) -> Option<Self> {
        let directory = tempfile::TempDir::new().expect("a directory");
        let size = format!("size={megabytes}m");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(directory.path())
            .output();
        mount
            .is_ok_and(|output| output.status.success())
            .then(|| Self(directory))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("--lazy").arg(self.path()).status();
        assert!(
            unmounted.is_ok_and(|status| status.success()),
            "the small disk stays mounted"
        );
    }
}

/// An order with 900 KB that don't compress.
fn large_order(number: u32) -> String {
    let mut state = u64::from(number) + 1;
    let noise = (0..900_000).map(|_| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        char::from(b"abcdefghijklmnopqrstuvwxyz012345"[usize::try_from(state >> 59).unwrap_or(0)])
    });
    let mut tree = payload::order_tree(number);
    tree["order"]["remarks"] = noise.collect::<String>().into();
    cartlane_thrivecart::wire::to_form(&tree)
}

#[test]
fn full_disk_answers_503_loses_nothing_and_gets_over_by_itself() {
    // The log's 16 MB, a database of as much, and as much again that the ballast gives back.
    let Some(disk) = SmallDisk::mount(96) else {
        return skip("no tmpfs can be mounted here; the store's tests fill a database by max_page_count");
    };
    let ballast: PathBuf = disk.path().join("ballast");
    fs::write(&ballast, vec![1; 56 << 20]).expect("room for the ballast");
    let data_dir = Some(disk.path().join("data"));
    let house = House::with(Setup {
        data_dir,
        ..Setup::default()
    });

    let mut kept: Vec<String> = Vec::new();
    let mut number = 0;
    let refused: Answer = loop {
        number += 1;
        assert!(number < 90, "90 MB on a disk of 40 MB");
        let answer = house.deliver(&large_order(number));
        if answer.status != 200 {
            break answer;
        }
        kept.push(answer.event());
    };
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(refused.head.contains("retry-after: "), "{refused:?}");
    assert_eq!(house.deliver(&large_order(number)).status, 503, "it stays full");
    assert!(house.events(&[]).len() >= kept.len(), "reading goes on");

    fs::remove_file(&ballast).expect("the ballast goes");
    let answer = wait_for("room for a delivery", || {
        let answer = house.deliver(&large_order(number));
        (answer.status == 200).then_some(answer)
    });
    kept.push(answer.event());
    kept.push(house.deliver(&payload::order(number + 1)).event());
    house.drain();
    let listed: Vec<String> = house
        .events(&[])
        .iter()
        .map(|event| event["id"].as_str().unwrap_or_default().to_owned())
        .collect();
    let lost: Vec<&String> = kept.iter().filter(|event| !listed.contains(event)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert_eq!(
        listed.len(),
        kept.len(),
        "what was refused and came again is there once"
    );
    assert!(house.runs().iter().all(|run| run["state"] == "done"));
    let contacts = house.contacts();
    assert_eq!(contacts.len(), kept.len());
    for contact in &contacts {
        assert_eq!(house.notes(contact).len(), 1, "{contact}");
    }
}
