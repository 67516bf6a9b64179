//! A throw-away PostgreSQL cluster.
//!
//! `initdb` and `pg_ctl` come from `PATH` or `/usr/lib/postgresql/*/bin`. PostgreSQL refuses to run as root; there it
//! runs as `postgres` or `nobody`. The settings are the honest ones (`fsync = on`).
//!
//! What always holds: the cluster ends with the process that started it, also when that is killed. A small shell, the
//! guardian, waits for the other end of a pipe to close and then stops the server and deletes its files.

use std::fs;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context as _, Result, bail, ensure};
use postgres::NoTls;

/// Names a running cluster for the tests, as `postgres://USER@HOST:PORT` without a database; `xtask` sets it.
pub const SHARED_CLUSTER: &str = "CARTLANE_TEST_POSTGRES";

const SETTINGS: &str =
    "-c max_connections=300 -c shared_buffers=64MB -c max_wal_size=512MB -c listen_addresses=127.0.0.1";

/// Waits for the pipe to close (`read` at its end), stops the server if it still runs, and removes the files.
const GUARDIAN: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
rm -rf "$1"
"#;

static SHARED: LazyLock<Result<Cluster, String>> =
    LazyLock::new(|| shared().map_err(|error| format!("{error:#}")));

/// A running cluster; stopped and deleted when dropped, if it was started here.
#[derive(Debug)]
pub struct Cluster {
    base_url: String,
    guardian: Option<Child>,
}

impl Cluster {
    /// Makes and starts a cluster.
    pub fn start() -> Result<Self> {
        let mut last = None;
        for _ in 0..3 {
            match start() {
                Ok(cluster) => return Ok(cluster),
                Err(error) => last = Some(error), // somebody else may have taken the port meanwhile
            }
        }
        Err(last.context("no attempt was made")?)
    }

    /// The cluster of this test process: the one that [`SHARED_CLUSTER`] names, or one started at the first call.
    ///
    /// # Panics
    /// When there is no PostgreSQL; a test that needs it can't pass without.
    pub fn shared() -> &'static Self {
        match &*SHARED {
            Ok(cluster) => cluster,
            Err(error) => panic!("no PostgreSQL for the tests: {error}"),
        }
    }

    /// The address without a database, for [`SHARED_CLUSTER`].
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Makes an empty database; its address.
    ///
    /// # Panics
    /// When the cluster doesn't answer.
    pub fn fresh_database(&self) -> String {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "test_{}_{}",
            std::process::id(),
            NUMBER.fetch_add(1, Ordering::Relaxed)
        );
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"); // process ids come around again
        self.administer(&drop);
        self.administer(&format!("CREATE DATABASE {name}"));
        format!("{}/{name}", self.base_url)
    }

    /// Everything that `pg_dump` tells of a database.
    ///
    /// # Panics
    /// When there is no `pg_dump`, or it fails.
    pub fn dump(database: &str) -> Vec<u8> {
        let program = find("pg_dump").expect("pg_dump");
        let output = Command::new(program).args(["--dbname", database]).output();
        let output = output.expect("pg_dump runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        output.stdout
    }

    /// Where the cluster's files are.
    ///
    /// # Panics
    /// When the cluster doesn't answer.
    pub fn data_directory(&self) -> PathBuf {
        let url = format!("{}/postgres", self.base_url);
        let read = || {
            let mut client = postgres::Client::connect(&url, NoTls)?;
            Ok::<String, postgres::Error>(client.query_one("SHOW data_directory", &[])?.get(0))
        };
        let read = std::thread::scope(|scope| scope.spawn(read).join());
        let read = read.expect("the driver doesn't panic");
        read.expect("the cluster answers").into()
    }

    /// Runs one statement as superuser in the `postgres` database.
    ///
    /// # Panics
    /// When it fails.
    pub fn administer(&self, sql: &str) {
        let url = format!("{}/postgres", self.base_url);
        // A thread of its own: the driver can't be called on a thread that runs async code.
        let run = || postgres::Client::connect(&url, NoTls)?.batch_execute(sql);
        let done = std::thread::scope(|scope| scope.spawn(run).join());
        let done = done.expect("the driver doesn't panic");
        done.unwrap_or_else(|error| panic!("`{sql}` failed: {error:?}"));
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(guardian) = &mut self.guardian {
            drop(guardian.stdin.take());
            let _ = guardian.wait();
        }
    }
}

fn shared() -> Result<Cluster> {
    #[expect(
        clippy::disallowed_methods,
        reason = "tests are configured by xtask through the environment"
    )]
    let named = std::env::var(SHARED_CLUSTER);
    match named {
        Ok(url) => Ok(Cluster {
            base_url: url.trim_end_matches('/').to_owned(),
            guardian: None,
        }),
        Err(_) => Cluster::start(),
    }
}

fn start() -> Result<Cluster> {
    let directory = tempfile::Builder::new().prefix("cartlane-pg-").tempdir()?;
    let user = if fs::metadata(directory.path())?.uid() == 0 {
        Some(other_user()?)
    } else {
        None
    };
    if let Some(user) = &user {
        chown(directory.path(), Some(user.uid), Some(user.gid))?;
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let path = directory.path().to_owned();
    let data = path.join("data");
    // From here on the guardian owns the directory.
    let guardian = guard(&directory.keep())?;
    let cluster = Cluster {
        base_url: format!("postgres://cartlane@127.0.0.1:{port}"),
        guardian: Some(guardian),
    };

    let mut initdb = tool("initdb", user.as_ref())?;
    initdb.args([
        "--no-sync",
        "--auth=trust",
        "--username=cartlane",
        "--encoding=UTF8",
        "--locale=C.UTF-8",
        "-D",
    ]);
    run(initdb.arg(&data), &path.join("initdb.log"))?;
    let options = format!(
        "{SETTINGS} -c port={port} -c unix_socket_directories='{}'",
        path.display()
    );
    let mut pg_ctl = tool("pg_ctl", user.as_ref())?;
    pg_ctl
        .args(["start", "--wait", "--timeout=60", "-D"])
        .arg(&data)
        .arg("-o")
        .arg(options);
    run(
        pg_ctl.arg("-l").arg(path.join("server.log")),
        &path.join("start.log"),
    )?;
    Ok(cluster)
}

fn guard(directory: &Path) -> Result<Child> {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", GUARDIAN, "sh"])
        .arg(directory)
        .current_dir("/")
        .stdin(Stdio::piped());
    shell
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("the guardian shell could not be started")
}

/// Runs to the end; output goes to a file, since a server keeps a pipe open.
fn run(command: &mut Command, log: &Path) -> Result<()> {
    let file = fs::File::create(log)?;
    let status = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .current_dir("/")
        .status()?;
    if status.success() {
        return Ok(());
    }
    let mut said = String::new();
    fs::File::open(log)?.read_to_string(&mut said)?;
    bail!("{command:?} failed: {said}")
}

#[derive(Debug)]
struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

fn other_user() -> Result<User> {
    let number = |name: &str, flag: &str| -> Option<u32> {
        let output = Command::new("id").args([flag, name]).output().ok()?;
        String::from_utf8(output.stdout).ok()?.trim().parse().ok()
    };
    ["postgres", "nobody"]
        .into_iter()
        .find_map(|name| {
            Some(User {
                name,
                uid: number(name, "-u")?,
                gid: number(name, "-g")?,
            })
        })
        .context("PostgreSQL can't run as root, and there is no user `postgres` or `nobody`")
}

/// A program of PostgreSQL, to be run as `user`.
fn tool(name: &str, user: Option<&User>) -> Result<Command> {
    let program = find(name)?;
    let Some(user) = user else {
        return Ok(Command::new(program));
    };
    let mut command;
    if find("setpriv").is_ok() {
        command = Command::new("setpriv");
        command
            .args([format!("--reuid={}", user.uid), format!("--regid={}", user.gid)])
            .arg("--clear-groups");
    } else {
        ensure!(
            find("runuser").is_ok(),
            "neither `setpriv` nor `runuser` is there to leave root"
        );
        command = Command::new("runuser");
        command.args(["-u", user.name, "--"]);
    }
    command.arg(program);
    Ok(command)
}

fn find(name: &str) -> Result<PathBuf> {
    let on_path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&on_path).collect();
    if let Ok(versions) = fs::read_dir("/usr/lib/postgresql") {
        let mut bins: Vec<_> = versions
            .flatten()
            .map(|version| version.path().join("bin"))
            .collect();
        bins.sort();
        folders.extend(bins.into_iter().rev()); // the newest first
    }
    let found = folders
        .into_iter()
        .map(|folder| folder.join(name))
        .find(|program| program.is_file());
    found.with_context(|| format!("`{name}` is neither on PATH nor in /usr/lib/postgresql/*/bin"))
}
