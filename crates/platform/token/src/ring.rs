//! The keys of a node: one that signs, one before it that still verifies; kept in one file of the data folder.

use std::borrow::Cow;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pulse_kernel::Timestamp;
use thiserror::Error;

use crate::claims::{Claims, Payload};
use crate::key::{Key, KeyError};
use crate::scan;

/// The name of the file in the data folder: one line per key, the signing one first.
pub const KEYS_FILE: &str = "token.keys";
/// Longer tokens are refused unread: a staff member of two hundred shops needs about 6 KiB.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// How far ahead of ours the clock of the node that minted a token may be.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// The signing key and the one before it.
const KEYS_MAX: usize = 2;
/// A signature has 32 bytes; the estimate of its length one more.
const SIGNATURE_ROOM: usize = 64;
/// Most payloads fit: only staff of many shops have more.
const PAYLOAD_ROOM: usize = 512;
const OWNER_ONLY: u32 = 0o600;

/// Why a token is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// It was good, and its time is over: the caller refreshes it.
    #[error("the token has expired")]
    Expired,
    /// It was not minted here, or somebody changed it.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
}

/// The keys of a node. Cheap to clone; a rotation reaches every clone.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// Where the keys are kept; `None` for keys that came from the configuration.
    file: Option<Arc<PathBuf>>,
    /// The signing key first. Never empty, at most [`KEYS_MAX`].
    keys: Arc<ArcSwap<Vec<Key>>>,
    /// How often the keys changed.
    generation: Arc<AtomicU64>,
}

impl KeyRing {
    /// The ring of the data folder `folder`; makes a random key at the first start.
    ///
    /// Blocks on the file system: for the start of a node and for commands.
    ///
    /// # Errors
    /// When the file cannot be read or written, is readable by others, is damaged, or holds a weak key.
    pub fn open(folder: &Path) -> Result<Self, KeyError> {
        let file = folder.join(KEYS_FILE);
        let keys = match read_keys(&file)? {
            Some(keys) => keys,
            None => {
                let keys = vec![Key::generate()?];
                write_keys(&file, &keys)?;
                keys
            }
        };
        Ok(Self::with(Some(file), keys))
    }

    /// A ring of one key that is kept elsewhere, for nodes that share a key by configuration, and for tests.
    #[must_use]
    pub fn of(key: Key) -> Self {
        Self::with(None, vec![key])
    }

    fn with(file: Option<PathBuf>, keys: Vec<Key>) -> Self {
        let keys = Arc::new(ArcSwap::from_pointee(keys));
        Self { file: file.map(Arc::new), keys, generation: Arc::default() }
    }

    /// Signs with a new random key from now on; tokens of the key before stay valid until they expire.
    /// Returns the id of the new key.
    ///
    /// Atomic: a crash leaves the old file or the new one. Blocks on the file system.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn rotate(&self) -> Result<String, KeyError> {
        let fresh = Key::generate()?;
        let kid = fresh.kid().to_owned();
        let before = self.keys.load();
        let keys: Vec<Key> = std::iter::once(fresh).chain(before.iter().cloned()).take(KEYS_MAX).collect();
        if let Some(file) = &self.file {
            write_keys(file, &keys)?;
        }
        self.exchange(keys);
        Ok(kid)
    }

    /// Reads the file again, after another process rotated the keys. Returns whether they changed.
    ///
    /// # Errors
    /// As [`KeyRing::open`]; the ring then keeps the keys that it has.
    pub fn reload(&self) -> Result<bool, KeyError> {
        let Some(file) = &self.file else { return Ok(false) };
        let Some(keys) = read_keys(file)? else { return Ok(false) };
        let has_changed = !keys.iter().map(Key::kid).eq(self.keys.load().iter().map(Key::kid));
        if has_changed {
            self.exchange(keys);
        }
        Ok(has_changed)
    }

    fn exchange(&self, keys: Vec<Key>) {
        self.keys.store(Arc::new(keys));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// How often the keys changed. Whoever remembers verified tokens verifies them again when it differs.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The ids of the keys, the signing one first.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.keys.load().iter().map(|key| key.kid().to_owned()).collect()
    }

    /// A signed token.
    #[must_use]
    pub fn sign(&self, claims: &Claims) -> String {
        let keys = self.keys.load();
        let key = keys.first().expect("a ring is never empty");
        let payload = serde_json::to_vec(&Payload::from(claims)).expect("strings and numbers are always JSON");
        let mut token = key.header().to_owned();
        URL_SAFE_NO_PAD.encode_string(payload, &mut token);
        let signature = key.sign(token.as_bytes());
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        token
    }

    /// What `token` says, when a key of this ring signed it and it is valid at `now`.
    ///
    /// # Errors
    /// [`TokenError::Expired`] only for a token whose signature is right; [`TokenError::Invalid`] otherwise.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let claims = self.claims_of(token)?;
        if claims.issued_at > now.plus(CLOCK_LEEWAY) {
            return Err(TokenError::Invalid("it was minted in the future"));
        }
        if claims.expires_at <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// What `token` says, at whatever time.
    fn claims_of(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid("it is too long"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid("it has no three parts"))?;
        let keys = self.keys.load();
        let (key, payload) = keys
            .iter()
            .find_map(|key| message.strip_prefix(key.header()).map(|payload| (key, payload)))
            .ok_or(TokenError::Invalid("no key of ours writes such a header"))?;
        let mut room = [0; SIGNATURE_ROOM];
        let signature = decode(signature, &mut room).ok_or(TokenError::Invalid("the signature is not base64"))?;
        if !key.has_signed(message.as_bytes(), &signature) {
            return Err(TokenError::Invalid("the signature does not fit"));
        }
        let mut room = [0; PAYLOAD_ROOM];
        let payload = decode(payload, &mut room).ok_or(TokenError::Invalid("the payload is not base64"))?;
        if let Some(claims) = scan::claims(&payload) {
            return Ok(claims);
        }
        let payload: Payload<'_> =
            serde_json::from_slice(&payload).or(Err(TokenError::Invalid("the payload has another shape")))?;
        payload.into_claims().map_err(TokenError::Invalid)
    }
}

/// What base64 says, in `room` when it fits there.
fn decode<'a>(text: &str, room: &'a mut [u8]) -> Option<Cow<'a, [u8]>> {
    if base64::decoded_len_estimate(text.len()) > room.len() {
        return URL_SAFE_NO_PAD.decode(text).ok().map(Cow::Owned);
    }
    let length = URL_SAFE_NO_PAD.decode_slice(text, room).ok()?;
    room.get(..length).map(Cow::Borrowed)
}

/// The keys in the file; `None` when there is no file yet.
fn read_keys(file: &Path) -> Result<Option<Vec<Key>>, KeyError> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(KeyError::Io { action: "read", source }),
    };
    let metadata = fs::metadata(file).map_err(|source| KeyError::Io { action: "read", source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & !OWNER_ONLY != 0 {
        return Err(KeyError::Exposed { path: file.display().to_string(), mode });
    }
    let keys =
        text.lines().enumerate().map(|(index, line)| parse_line(index + 1, line)).collect::<Result<Vec<_>, _>>()?;
    if keys.is_empty() || keys.len() > KEYS_MAX {
        return Err(KeyError::Damaged { line: keys.len() });
    }
    Ok(Some(keys))
}

fn parse_line(line: usize, text: &str) -> Result<Key, KeyError> {
    let (kid, secret) = text.split_once(' ').ok_or(KeyError::Damaged { line })?;
    Key::new(kid, &hex::decode(secret).or(Err(KeyError::Damaged { line }))?)
}

/// Replaces the file as a whole: written aside, flushed, renamed.
fn write_keys(file: &Path, keys: &[Key]) -> Result<(), KeyError> {
    let text: String = keys.iter().map(Key::to_line).collect();
    let aside = file.with_extension(format!("{}.tmp", std::process::id()));
    let write = || -> std::io::Result<()> {
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut written = OpenOptions::new().write(true).create(true).truncate(true).mode(OWNER_ONLY).open(&aside)?;
        written.write_all(text.as_bytes())?;
        written.sync_all()?;
        fs::rename(&aside, file)?;
        file.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    write().map_err(|source| KeyError::Io { action: "written", source })
}
