//! The reader of HTTP/1.1 replies: pure functions over bytes, strict, and no more than a load generator needs.
//!
//! A general client keeps headers, bodies, redirects and pools; all of that costs processor time which a server on
//! the same machine then lacks. This reader looks at the status, at the three headers which frame the body, counts
//! the body's bytes and forgets them. It is strict instead of tolerant: whatever a correct server would not send
//! to our requests (an interim reply, a body without a length, bytes after the body, a bare line feed) is an error,
//! so a broken server cannot look fast.

use memchr::memchr;

/// Bytes of a reply's head at most; also the size of a connection's buffer.
pub(crate) const HEAD_BYTES_MAX: usize = 16 * 1024;
/// Bytes of the line that announces a chunk, and of a trailer line, at most.
const LINE_BYTES_MAX: usize = 1024;

/// Why a reply was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The status line is not `HTTP/1.1 NNN ...`.
    #[error("the status line is not one of HTTP/1.1")]
    StatusLine,
    /// 1xx, which no request of ours asks for.
    #[error("an interim (1xx) reply that nobody asked for")]
    Interim,
    /// A header line without a name or colon, folded, or ended by a bare line feed.
    #[error("a header line is not well formed")]
    Header,
    /// Head, chunk line or trailer longer than the limit.
    #[error("a line or the head is too long")]
    TooLong,
    /// Content-Length is not a number, is given twice with two values, or stands beside Transfer-Encoding.
    #[error("the body's length is given wrongly or twice")]
    Length,
    /// Neither Content-Length nor chunked: the body would end with the connection.
    #[error("the body has no length")]
    NoLength,
    /// A Transfer-Encoding other than `chunked`.
    #[error("a transfer encoding other than chunked")]
    Encoding,
    /// The chunked framing is broken.
    #[error("the chunked body is not well formed")]
    Chunk,
    /// Bytes after the end of the reply, before the next request was sent.
    #[error("bytes after the end of the reply")]
    Unasked,
}

/// How the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Body {
    /// So many bytes are left.
    Length(u64),
    /// The line with a chunk's size comes next.
    ChunkSize,
    /// So many bytes of a chunk are left.
    ChunkData(u64),
    /// The line end after a chunk's data.
    ChunkEnd,
    /// Trailer lines up to an empty one.
    Trailers,
    /// The reply is complete.
    Done,
}

/// What the head of a reply says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// Whether the server will take another request on this connection.
    pub(crate) keep_alive: bool,
    /// Size of the head, its empty line included.
    pub(crate) bytes: usize,
}

/// Reads a head at the start of `input`; `None` when it is not complete yet.
pub(crate) fn read_head(input: &[u8]) -> Result<Option<Head>, Malformed> {
    let Some((line, mut at)) = line(input, 0, HEAD_BYTES_MAX)? else { return Ok(None) };
    let status = read_status(line)?;
    let mut framing = Framing::default();
    loop {
        match self::line(input, at, HEAD_BYTES_MAX)? {
            None => return Ok(None),
            Some((&[], end)) => {
                let body = framing.body(status)?;
                return Ok(Some(Head { status, body, keep_alive: !framing.close, bytes: end }));
            }
            Some((header, end)) => {
                framing.read(header)?;
                at = end;
            }
        }
    }
}

/// One line without its CR LF, and where the next one starts; `None` when its end has not arrived.
fn line(input: &[u8], at: usize, bytes_max: usize) -> Result<Option<(&[u8], usize)>, Malformed> {
    let rest = input.get(at..).unwrap_or_default();
    match memchr(b'\n', rest) {
        None if input.len() >= bytes_max => Err(Malformed::TooLong),
        None => Ok(None),
        Some(length) => match rest.get(..length).and_then(|line| line.strip_suffix(b"\r")) {
            Some(line) => Ok(Some((line, at + length + 1))),
            None => Err(Malformed::Header),
        },
    }
}

fn read_status(line: &[u8]) -> Result<u16, Malformed> {
    let digits = line.strip_prefix(b"HTTP/1.1 ").ok_or(Malformed::StatusLine)?;
    let (digits, rest) = digits.split_first_chunk::<3>().ok_or(Malformed::StatusLine)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(rest.is_empty() || rest.starts_with(b" ")) {
        return Err(Malformed::StatusLine);
    }
    let status = digits.iter().fold(0_u16, |number, digit| number * 10 + u16::from(digit - b'0'));
    match status {
        100..=199 => Err(Malformed::Interim),
        200..=599 => Ok(status),
        _ => Err(Malformed::StatusLine),
    }
}

#[derive(Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
    close: bool,
}

impl Framing {
    fn read(&mut self, header: &[u8]) -> Result<(), Malformed> {
        let colon = memchr(b':', header).ok_or(Malformed::Header)?;
        let (name, value) = header.split_at(colon);
        if name.is_empty() || name.iter().any(|byte| byte.is_ascii_whitespace()) {
            return Err(Malformed::Header);
        }
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        // The length of the name decides almost always, so most headers cost one comparison of two numbers.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                let length = read_number(value, 10).ok_or(Malformed::Length)?;
                if self.length.replace(length).is_some_and(|earlier| earlier != length) {
                    return Err(Malformed::Length);
                }
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                if !value.eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed::Encoding);
                }
                self.chunked = true;
            }
            10 if name.eq_ignore_ascii_case(b"connection") => self.close |= value.eq_ignore_ascii_case(b"close"),
            _ => {}
        }
        Ok(())
    }

    fn body(&self, status: u16) -> Result<Body, Malformed> {
        match (self.chunked, self.length) {
            _ if matches!(status, 204 | 304) => Ok(Body::Done),
            (true, Some(_)) => Err(Malformed::Length),
            (true, None) => Ok(Body::ChunkSize),
            (false, Some(0)) => Ok(Body::Done),
            (false, Some(length)) => Ok(Body::Length(length)),
            (false, None) => Err(Malformed::NoLength),
        }
    }
}

fn read_number(digits: &[u8], radix: u32) -> Option<u64> {
    // `from_str_radix` would take a leading plus sign.
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    u64::from_str_radix(std::str::from_utf8(digits).ok()?, radix).ok()
}

impl Body {
    /// Takes what it can use from `input` and says how much that was; 0 means that more must arrive first.
    ///
    /// Body bytes go to `keep` when there is one.
    pub(crate) fn advance(&mut self, input: &[u8], keep: &mut Option<&mut Vec<u8>>) -> Result<usize, Malformed> {
        let mut taken = 0;
        loop {
            let rest = input.get(taken..).unwrap_or_default();
            let step = match *self {
                Self::Done => return Ok(taken),
                Self::Length(left) => {
                    let used = take(rest, left, keep);
                    let left = left - count(used);
                    *self = if left == 0 { Self::Done } else { Self::Length(left) };
                    used
                }
                Self::ChunkData(left) => {
                    let used = take(rest, left, keep);
                    let left = left - count(used);
                    *self = if left == 0 { Self::ChunkEnd } else { Self::ChunkData(left) };
                    used
                }
                Self::ChunkSize | Self::ChunkEnd | Self::Trailers => match chunk_line(rest)? {
                    None => 0,
                    Some((line, used)) => {
                        *self = self.after_line(line)?;
                        used
                    }
                },
            };
            if step == 0 {
                return Ok(taken);
            }
            taken += step;
        }
    }

    fn after_line(self, line: &[u8]) -> Result<Self, Malformed> {
        match (self, line) {
            (Self::ChunkEnd, []) => Ok(Self::ChunkSize),
            (Self::Trailers, []) => Ok(Self::Done),
            (Self::Trailers, _) if memchr(b':', line).is_some() => Ok(Self::Trailers),
            (Self::ChunkSize, _) => {
                let digits = line.split(|byte| *byte == b';').next().unwrap_or_default();
                match read_number(digits, 16).ok_or(Malformed::Chunk)? {
                    0 => Ok(Self::Trailers),
                    size => Ok(Self::ChunkData(size)),
                }
            }
            (Self::ChunkEnd | Self::Trailers | Self::Length(_) | Self::ChunkData(_) | Self::Done, _) => {
                Err(Malformed::Chunk)
            }
        }
    }
}

fn chunk_line(rest: &[u8]) -> Result<Option<(&[u8], usize)>, Malformed> {
    let found = line(rest, 0, LINE_BYTES_MAX);
    // To `line` a bare line feed is a broken header; here it is a broken chunk.
    found.map_err(|error| if error == Malformed::Header { Malformed::Chunk } else { error })
}

fn take(input: &[u8], left: u64, keep: &mut Option<&mut Vec<u8>>) -> usize {
    let used = usize::try_from(left).map_or(input.len(), |left| left.min(input.len()));
    if let Some(kept) = keep {
        kept.extend_from_slice(input.get(..used).unwrap_or_default());
    }
    used
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a whole reply that arrives in pieces of `piece` bytes.
    fn read(reply: &[u8], piece: usize) -> Result<Option<(u16, String)>, Malformed> {
        let (mut buffer, mut head, mut kept) = (Vec::new(), None::<Head>, Vec::new());
        for part in reply.chunks(piece) {
            buffer.extend_from_slice(part);
            if head.is_none()
                && let Some(found) = read_head(&buffer)?
            {
                buffer.drain(..found.bytes);
                head = Some(found);
            }
            if let Some(head) = &mut head {
                let used = head.body.advance(&buffer, &mut Some(&mut kept))?;
                buffer.drain(..used);
                if head.body == Body::Done {
                    return match buffer.is_empty() {
                        true => Ok(Some((head.status, String::from_utf8(kept).unwrap()))),
                        false => Err(Malformed::Unasked),
                    };
                }
            }
        }
        Ok(None)
    }

    fn check(reply: &str, expected: Result<Option<(u16, &str)>, Malformed>) {
        for piece in [reply.len(), 7, 1] {
            let found = read(reply.as_bytes(), piece);
            let found = found.as_ref().map(|found| found.as_ref().map(|(status, body)| (*status, body.as_str())));
            assert_eq!(found, expected.as_ref().copied(), "{reply:?} in pieces of {piece}");
        }
    }

    #[test]
    fn reads_both_framings_in_any_pieces() {
        check("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Ok(Some((200, "hello"))));
        check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ok(Some((200, ""))));
        check("HTTP/1.1 204 No Content\r\ndate: x\r\n\r\n", Ok(Some((204, ""))));
        check("HTTP/1.1 404 Not Found\r\ncontent-length:2\r\n\r\n{}", Ok(Some((404, "{}"))));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        check(&format!("{chunked}3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n"), Ok(Some((200, "abc0123456789"))));
        check(&format!("{chunked}0\r\nx-sum: 1\r\n\r\n"), Ok(Some((200, ""))));
    }

    #[test]
    fn what_is_not_complete_is_neither_a_reply_nor_an_error() {
        check("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell", Ok(None));
        check("HTTP/1.1 200 OK\r\ncontent-le", Ok(None));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n", Ok(None));
    }

    #[test]
    fn refuses_what_a_correct_server_does_not_send() {
        check("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", Err(Malformed::StatusLine));
        check("HTTP/1.1 20x OK\r\n\r\n", Err(Malformed::StatusLine));
        check("HTTP/1.1 2000\r\n\r\n", Err(Malformed::StatusLine));
        check("HTTP/1.1 100 Continue\r\n\r\n", Err(Malformed::Interim));
        check("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", Err(Malformed::Header));
        check("HTTP/1.1 200 OK\r\na: b\r\n folded: c\r\n\r\n", Err(Malformed::Header));
        check("HTTP/1.1 200 OK\ncontent-length: 0\n\n", Err(Malformed::Header));
        check("HTTP/1.1 200 OK\r\n\r\n", Err(Malformed::NoLength));
        check("HTTP/1.1 200 OK\r\ncontent-length: +1\r\n\r\na", Err(Malformed::Length));
        check("HTTP/1.1 200 OK\r\ncontent-length: \r\n\r\n", Err(Malformed::Length));
        check("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\na", Err(Malformed::Length));
        let both = "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n";
        check(both, Err(Malformed::Length));
        check("HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n", Err(Malformed::Encoding));
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        check(&format!("{chunked}x\r\n"), Err(Malformed::Chunk));
        check(&format!("{chunked}3\r\nabcd\r\n"), Err(Malformed::Chunk));
        assert_eq!(read(b"HTTP/1.1 204 x\r\n\r\nmore", 64), Err(Malformed::Unasked));
    }

    #[test]
    fn an_endless_head_is_too_long() {
        let head = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(HEAD_BYTES_MAX));
        assert_eq!(read_head(head.as_bytes()), Err(Malformed::TooLong));
    }
}
