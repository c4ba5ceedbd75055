//! A server process that ends with its handle, and with this process at the latest.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Why a server did not start.
#[derive(Debug)]
pub struct Error(String);

impl Error {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(60);
/// How long a server may take to stop before it is killed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A running server. Dropping it stops the process and waits for its end.
#[derive(Debug)]
pub(super) struct Server {
    stop: Option<mpsc::Sender<()>>,
    keeper: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts `command` and waits until its port accepts connections.
    ///
    /// `signal` is what ends the server politely and soon, for example `INT`.
    pub(super) fn start(command: Command, signal: &'static str, port: u16, log: &Path) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let (report, started) = mpsc::channel();
        // The kernel ends the server when the thread ends that started it, so that thread stays.
        let keeper =
            thread::Builder::new().name("server".to_owned()).spawn(move || keep(command, signal, &report, &stopped))?;
        let server = Self { stop: Some(stop), keeper: Some(keeper) };
        match started.recv() {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => return Err(Error::new("the thread of the server has ended")),
        }
        server.wait_for(port, log)?;
        Ok(server)
    }

    fn wait_for(&self, port: u16, log: &Path) -> Result<(), Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline && !self.keeper.as_ref().is_none_or(JoinHandle::is_finished) {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        let story = std::fs::read_to_string(log).unwrap_or_default();
        Err(Error::new(format!("the server on port {port} did not start:\n{story}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(keeper) = self.keeper.take()
            && keeper.join().is_err()
        {
            eprintln!("the thread of a server has panicked");
        }
    }
}

/// Starts the server, waits for the handle to be dropped, and stops it.
fn keep(mut command: Command, signal: &str, report: &mpsc::Sender<std::io::Result<()>>, stopped: &mpsc::Receiver<()>) {
    let (mut child, outcome) = match command.spawn() {
        Ok(child) => (Some(child), Ok(())),
        Err(error) => (None, Err(error)),
    };
    if report.send(outcome).is_err() {
        return;
    }
    let Some(child) = child.as_mut() else { return };
    // Nothing is ever sent: the wait ends when the handle is dropped, or now and then to look after the server.
    while stopped.recv_timeout(Duration::from_millis(200)) == Err(mpsc::RecvTimeoutError::Timeout) {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
    }
    stop(child, signal);
}

fn stop(child: &mut Child, signal: &str) {
    let asked = Command::new("kill").args([format!("-{signal}"), child.id().to_string()]).status();
    let deadline = Instant::now() + STOP_MAX;
    while asked.is_ok() && Instant::now() < deadline {
        if !matches!(child.try_wait(), Ok(None)) {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    let killed = child.kill().and_then(|()| child.wait());
    if let Err(error) = killed {
        eprintln!("a server could not be stopped: {error}");
    }
}

/// A port on the loopback that was free a moment ago.
pub(super) fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// A command that runs as `user` when we are root, and that the kernel ends when our thread ends.
pub(super) fn command(user: Option<&str>, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let (Some(user), true) = (user, is_root()) {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    }
    command.arg(program).stdin(Stdio::null());
    command
}

/// Whether this process may change its user.
pub(super) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Runs a command to its end and reports what it said when it failed.
pub(super) fn run(mut command: Command) -> Result<(), Error> {
    let output = command.output().map_err(|error| Error::new(format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    Err(Error::new(format!("{command:?} failed: {}", String::from_utf8_lossy(&said))))
}

/// Sends what a command says to a file.
pub(super) fn log_to(command: &mut Command, log: &Path) -> Result<(), Error> {
    let file = std::fs::File::create(log)?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(())
}
