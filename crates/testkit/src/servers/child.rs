//! Server process that stops when its handle is dropped, or at the latest when this process ends.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Error of the start of a server.
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

/// Maximum time for the start of a server.
const START_MAX: Duration = Duration::from_secs(60);
/// Time after which a server that does not stop is killed.
const STOP_MAX: Duration = Duration::from_secs(10);

/// Running server. Dropping it stops the process and waits for its end.
#[derive(Debug)]
pub(super) struct Server {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts `command` and waits until its port accepts connections.
    ///
    /// `signal` is the signal for a graceful and fast stop, for example `INT`.
    pub(super) fn start(command: Command, signal: &'static str, port: u16, log: &Path) -> Result<Self, Error> {
        let (stop, stopped) = mpsc::channel();
        let (report, started) = mpsc::channel();
        // The kernel kills the server when the thread that started it ends, so the thread lives as long as the server.
        let thread = thread::Builder::new()
            .name("server".to_owned())
            .spawn(move || supervise(command, signal, &report, &stopped))?;
        let server = Self { stop: Some(stop), thread: Some(thread) };
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
        while Instant::now() < deadline && !self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        let output = std::fs::read_to_string(log).unwrap_or_default();
        Err(Error::new(format!("the server on port {port} did not start:\n{output}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            eprintln!("the thread of a server has panicked");
        }
    }
}

/// Starts the server, waits for the handle to be dropped, and stops it.
fn supervise(
    mut command: Command,
    signal: &str,
    report: &mpsc::Sender<std::io::Result<()>>,
    stopped: &mpsc::Receiver<()>,
) {
    let (mut child, outcome) = match command.spawn() {
        Ok(child) => (Some(child), Ok(())),
        Err(error) => (None, Err(error)),
    };
    if report.send(outcome).is_err() {
        return;
    }
    let Some(child) = child.as_mut() else { return };
    // No message is ever sent: the wait ends when the handle is dropped, or every 200 ms to check the server.
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

/// Returns a free port of the loopback interface.
pub(super) fn free_port() -> Result<u16, Error> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Creates a command that runs as `user` if this process is root, and that the kernel kills when the calling thread ends.
pub(super) fn command(user: Option<&str>, program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if let (Some(user), true) = (user, is_root()) {
        command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups"]);
    }
    command.arg(program).stdin(Stdio::null());
    command
}

/// Returns whether this process runs as root.
pub(super) fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|metadata| metadata.uid() == 0)
}

/// Runs a command to its end. The error contains its output.
pub(super) fn run(mut command: Command) -> Result<(), Error> {
    let output = command.output().map_err(|error| Error::new(format!("{command:?}: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = [output.stdout, output.stderr].concat();
    Err(Error::new(format!("{command:?} failed: {}", String::from_utf8_lossy(&text))))
}

/// Redirects the output of a command to a file.
pub(super) fn log_to(command: &mut Command, log: &Path) -> Result<(), Error> {
    let file = std::fs::File::create(log)?;
    command.stdout(file.try_clone()?).stderr(file);
    Ok(())
}
