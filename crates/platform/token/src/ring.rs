//! The keys of a node: the signing key and the previous one, which still verifies. They are stored in one file of the
//! data folder.

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

/// Name of the key file in the data folder: one line per key, the signing key first.
pub const KEYS_FILE: &str = "token.keys";
/// Maximum length of a token; a staff member of 200 shops needs about 6 KiB.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Maximum time by which the clock of the issuing node may be ahead.
pub const CLOCK_LEEWAY: Duration = Duration::from_secs(60);

/// The signing key and the previous one.
const KEYS_MAX: usize = 2;
/// Stack buffer for a signature of 32 bytes; the length estimate of the decoder is one byte larger.
const SIGNATURE_ROOM: usize = 64;
/// Stack buffer for a payload; only tokens of staff of many shops are larger.
const PAYLOAD_ROOM: usize = 512;
const OWNER_ONLY: u32 = 0o600;

/// A token is rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TokenError {
    /// The signature is valid and the token has expired; the client refreshes it.
    #[error("the token has expired")]
    Expired,
    /// The token was not issued by a key of this ring, or was changed.
    #[error("the token is not valid: {0}")]
    Invalid(&'static str),
}

/// The keys of a node. Clones share the keys.
#[derive(Clone, Debug)]
pub struct KeyRing {
    /// The key file; `None` for keys of the configuration.
    file: Option<Arc<PathBuf>>,
    /// The signing key first. Never empty, at most [`KEYS_MAX`].
    keys: Arc<ArcSwap<Vec<Key>>>,
    /// Number of changes of the keys.
    generation: Arc<AtomicU64>,
}

impl KeyRing {
    /// The ring of the data folder `folder`; generates a key on the first start.
    ///
    /// Blocks on the file system; for the start of a node and for commands.
    ///
    /// # Errors
    /// When the file cannot be read or written, is readable by other users, is not valid, or contains a weak key.
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

    /// A ring of one key without a file, for nodes that share a configured key, and for tests.
    #[must_use]
    pub fn of(key: Key) -> Self {
        Self::with(None, vec![key])
    }

    fn with(file: Option<PathBuf>, keys: Vec<Key>) -> Self {
        let keys = Arc::new(ArcSwap::from_pointee(keys));
        Self { file: file.map(Arc::new), keys, generation: Arc::default() }
    }

    /// Generates a new signing key and returns its id. Tokens of the previous key stay valid until they expire.
    ///
    /// Atomic: a crash leaves the old or the new file. Blocks on the file system.
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
        self.replace(keys);
        Ok(kid)
    }

    /// Reads the file again, after a rotation by another process. Returns whether the keys changed.
    ///
    /// # Errors
    /// As [`KeyRing::open`]; the ring then keeps its keys.
    pub fn reload(&self) -> Result<bool, KeyError> {
        let Some(file) = &self.file else { return Ok(false) };
        let Some(keys) = read_keys(file)? else { return Ok(false) };
        let has_changed = !keys.iter().map(Key::kid).eq(self.keys.load().iter().map(Key::kid));
        if has_changed {
            self.replace(keys);
        }
        Ok(has_changed)
    }

    fn replace(&self, keys: Vec<Key>) {
        self.keys.store(Arc::new(keys));
        self.generation.fetch_add(1, Ordering::Release);
    }

    /// Number of changes of the keys. A cache of verified tokens is valid for one generation only.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Ids of the keys, the signing key first.
    #[must_use]
    pub fn kids(&self) -> Vec<String> {
        self.keys.load().iter().map(|key| key.kid().to_owned()).collect()
    }

    /// Signs a token.
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

    /// The claims of `token`, if a key of this ring signed it and it is valid at `now`.
    ///
    /// # Errors
    /// [`TokenError::Expired`] only for a token with a valid signature; [`TokenError::Invalid`] otherwise.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, TokenError> {
        let claims = self.claims_of(token)?;
        if claims.issued_at > now.plus(CLOCK_LEEWAY) {
            return Err(TokenError::Invalid("it was issued in the future"));
        }
        if claims.expires_at <= now { Err(TokenError::Expired) } else { Ok(claims) }
    }

    /// The claims of `token` without a check of time.
    fn claims_of(&self, token: &str) -> Result<Claims, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Invalid("it is longer than 8 KiB"));
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Invalid("it does not have three parts"))?;
        let keys = self.keys.load();
        let (key, payload) = keys
            .iter()
            .find_map(|key| message.strip_prefix(key.header()).map(|payload| (key, payload)))
            .ok_or(TokenError::Invalid("its header does not match a signing key"))?;
        let mut room = [0; SIGNATURE_ROOM];
        let signature = decode(signature, &mut room).ok_or(TokenError::Invalid("the signature is not base64"))?;
        if !key.has_signed(message.as_bytes(), &signature) {
            return Err(TokenError::Invalid("the signature does not match"));
        }
        let mut room = [0; PAYLOAD_ROOM];
        let payload = decode(payload, &mut room).ok_or(TokenError::Invalid("the payload is not base64"))?;
        if let Some(claims) = scan::claims(&payload) {
            return Ok(claims);
        }
        let payload: Payload<'_> =
            serde_json::from_slice(&payload).or(Err(TokenError::Invalid("the payload is not a set of claims")))?;
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

/// The keys of the file; `None` without a file.
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

/// Replaces the file atomically: writes a temporary file, flushes and renames it.
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
