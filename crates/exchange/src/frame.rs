//! Framing: splits a stream into rows, which are lines, lines of a table, or items of a JSON array.
//!
//! One row of at most [`ROW_BYTES_MAX`] is in memory at a time.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, Read};
use std::str::FromStr;

/// Maximum length of a row in bytes. The shape of a large building is long.
pub const ROW_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Maximum nesting depth of arrays and objects in a row.
pub const NESTING_MAX: u32 = 64;

/// End of a row, from which reading can resume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    /// Bytes from the start of the file.
    pub bytes: u64,
    /// Number of line feeds before the position.
    pub line_feeds: u64,
    /// Number of rows before the position, including rejected ones.
    pub rows: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.bytes, self.line_feeds, self.rows)
    }
}

/// The text is not a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAPosition;

impl FromStr for Position {
    type Err = NotAPosition;

    fn from_str(text: &str) -> Result<Self, NotAPosition> {
        let mut numbers = text.split('-').map(str::parse);
        match (numbers.next(), numbers.next(), numbers.next(), numbers.next()) {
            (Some(Ok(bytes)), Some(Ok(line_feeds)), Some(Ok(rows)), None) => Ok(Self { bytes, line_feeds, rows }),
            _ => Err(NotAPosition),
        }
    }
}

/// Result of reading the next row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// There are no more rows.
    End,
    /// The buffer contains a row.
    Row,
    /// The row is rejected, with the reason; reading continues with the next row.
    Refused(&'static str),
    /// The rest of the stream cannot be read, with the reason.
    Broken(Cow<'static, str>),
}

/// Separation of rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By line feeds.
    Lines,
    /// By line feeds outside of quotes; cells are separated by this byte.
    Table(u8),
    /// Items of the top-level array, or of its member `features` or `elements`.
    Items,
    /// JSON objects one after the other, each over several lines.
    Values,
}

const TOO_LONG: &str = "the row must have at most 4 MiB";
const TOO_DEEP: &str = "the row must be nested at most 64 levels deep";
const CUT_OFF: &str = "the file ends within a row";

/// A stream of rows.
#[derive(Debug)]
pub(crate) struct Source<R> {
    pub(crate) reader: R,
    pub(crate) position: Position,
    /// Line on which the last row starts, from 1.
    pub(crate) row_line: u64,
    /// End of a line: a line feed, or a carriage return in files that have no line feed behind it.
    line_end: u8,
    is_in_array: bool,
    /// Whether the array is the member of an object.
    is_in_object: bool,
    /// Remark of the server about an incomplete response.
    remark: Option<String>,
    is_over: bool,
}

const BOM: &[u8] = "\u{feff}".as_bytes();
/// Maximum length of the remark of a server in a message, in characters.
const REMARK_CHARS_MAX: usize = 300;

fn broken(reason: &'static str) -> Frame {
    Frame::Broken(Cow::Borrowed(reason))
}

/// The end of a line in the first bytes of a file.
pub(crate) fn line_end(head: &[u8]) -> u8 {
    let first = head.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
    match first.map(|first| (head.get(first), head.get(first + 1))) {
        Some((Some(b'\r'), next)) if next != Some(&b'\n') => b'\r',
        _ => b'\n',
    }
}

impl<R: BufRead> Source<R> {
    pub(crate) fn new(reader: R, line_end: u8) -> Self {
        Self {
            reader,
            position: Position::default(),
            row_line: 1,
            line_end,
            is_in_array: false,
            is_in_object: false,
            remark: None,
            is_over: false,
        }
    }

    /// Continues at a position to which the reader was moved.
    pub(crate) fn resume_at(&mut self, position: Position) {
        self.position = position;
        self.is_in_array = true;
    }

    /// The next row that is not blank.
    pub(crate) fn next(&mut self, framing: Framing, row: &mut Vec<u8>) -> io::Result<Frame> {
        row.clear();
        if self.is_over {
            return Ok(Frame::End);
        }
        self.skip_byte_order_mark()?;
        let frame = match framing {
            Framing::Lines => self.next_line(row)?,
            Framing::Table(delimiter) => self.next_table_row(delimiter, row)?,
            Framing::Items => self.next_item(row)?,
            Framing::Values => self.next_value(row)?,
        };
        match frame {
            Frame::Row | Frame::Refused(_) => self.position.rows += 1,
            Frame::End | Frame::Broken(_) => self.is_over = true,
        }
        Ok(frame)
    }

    fn skip_byte_order_mark(&mut self) -> io::Result<()> {
        if self.position.bytes == 0 && self.reader.fill_buf()?.starts_with(BOM) {
            self.reader.consume(BOM.len());
            self.position.bytes = 3;
        }
        Ok(())
    }

    fn next_line(&mut self, row: &mut Vec<u8>) -> io::Result<Frame> {
        loop {
            row.clear();
            self.row_line = self.position.line_feeds + 1;
            if self.append_line(row)? == 0 {
                return Ok(Frame::End);
            }
            if row.len() > ROW_BYTES_MAX {
                return Ok(Frame::Refused(TOO_LONG));
            }
            if !row.trim_ascii().is_empty() {
                return Ok(Frame::Row);
            }
        }
    }

    fn next_table_row(&mut self, delimiter: u8, row: &mut Vec<u8>) -> io::Result<Frame> {
        let first = self.next_line(row)?;
        if first != Frame::Row {
            return Ok(first);
        }
        let mut quotes = Quotes::FieldStart;
        let mut seen = 0;
        loop {
            quotes = row.iter().skip(seen).fold(quotes, |quotes, byte| quotes.after(*byte, delimiter));
            seen = row.len();
            if quotes != Quotes::Inside {
                return Ok(Frame::Row);
            }
            if self.append_line(row)? == 0 {
                return Ok(Frame::Refused("a quote is not closed"));
            }
            if row.len() > ROW_BYTES_MAX {
                return Ok(Frame::Refused(TOO_LONG));
            }
        }
    }

    /// Appends a line with its line feed, or the start of a line that is too long. Returns the length of the line.
    fn append_line(&mut self, row: &mut Vec<u8>) -> io::Result<usize> {
        let before = row.len();
        let room = u64::try_from(ROW_BYTES_MAX + 1 - before.min(ROW_BYTES_MAX)).unwrap_or(u64::MAX);
        let mut length = self.reader.by_ref().take(room).read_until(self.line_end, row)?;
        let is_whole = row.last() == Some(&self.line_end) || row.len() <= ROW_BYTES_MAX;
        let mut has_line_feed = length > 0 && row.last() == Some(&self.line_end);
        if !is_whole {
            let skipped = self.reader.skip_until(self.line_end)?;
            length += skipped;
            has_line_feed = skipped > 0;
        }
        self.position.bytes += u64::try_from(length).unwrap_or(0);
        self.position.line_feeds += u64::from(has_line_feed);
        Ok(length)
    }

    fn next_item(&mut self, row: &mut Vec<u8>) -> io::Result<Frame> {
        if let Some(broken) = self.enter_array(row)? {
            return Ok(broken);
        }
        loop {
            match self.peek()? {
                None => return Ok(self.broken_here("the file ends within the array")),
                Some(b']') => {
                    self.skip()?;
                    return self.finish_object(row);
                }
                Some(b',') => self.skip()?,
                Some(_) => break,
            }
        }
        self.row_line = self.position.line_feeds + 1;
        self.value(row)
    }

    fn next_value(&mut self, row: &mut Vec<u8>) -> io::Result<Frame> {
        loop {
            match self.peek()? {
                None => return Ok(Frame::End),
                Some(b'{') => break,
                // The record separator of RFC 8142.
                Some(0x1e) => self.skip()?,
                Some(_) => return Ok(self.broken_here("there is text that is not a JSON object")),
            }
        }
        self.row_line = self.position.line_feeds + 1;
        self.value(row)
    }

    /// An error at the current line.
    fn broken_here(&mut self, reason: &'static str) -> Frame {
        self.row_line = self.position.line_feeds + 1;
        broken(reason)
    }

    /// Reads up to the array, unless it was read before; returns an error frame if there is none.
    pub(crate) fn enter_array(&mut self, row: &mut Vec<u8>) -> io::Result<Option<Frame>> {
        const NO_ARRAY: &str = "there is no array of features or elements";
        if self.is_in_array {
            return Ok(None);
        }
        self.skip_byte_order_mark()?;
        let start = self.peek()?;
        if start != Some(b'[') && start != Some(b'{') {
            return Ok(Some(broken(NO_ARRAY)));
        }
        self.skip()?;
        self.is_in_object = start == Some(b'{');
        if self.is_in_object && !self.members(row)? {
            return Ok(Some(broken(NO_ARRAY)));
        }
        self.is_in_array = true;
        row.clear();
        Ok(None)
    }

    /// Reads members up to the array of features or elements. Returns whether it was found.
    fn members(&mut self, row: &mut Vec<u8>) -> io::Result<bool> {
        loop {
            while self.peek()? == Some(b',') {
                self.skip()?;
            }
            if self.peek()? != Some(b'"') {
                return Ok(false);
            }
            row.clear();
            self.value(row)?;
            if self.peek()? != Some(b':') {
                return Ok(false);
            }
            self.skip()?;
            let is_wanted = !self.is_in_array && matches!(row.as_slice(), b"\"features\"" | b"\"elements\"");
            if is_wanted && self.peek()? == Some(b'[') {
                self.skip()?;
                return Ok(true);
            }
            let is_remark = row.as_slice() == b"\"remark\"";
            row.clear();
            self.value(row)?;
            if is_remark {
                self.remark = serde_json::from_slice(row).ok();
            }
        }
    }

    /// Reads what follows the array: further members, and nothing after the object.
    fn finish_object(&mut self, row: &mut Vec<u8>) -> io::Result<Frame> {
        if self.is_in_object {
            self.members(row)?;
            match self.peek()? {
                Some(b'}') => self.skip()?,
                None => return Ok(self.broken_here("the file ends within the object of the array")),
                Some(_) => return Ok(self.broken_here("there is text that is not a member of the object")),
            }
        }
        row.clear();
        if self.peek()?.is_some() {
            return Ok(self.broken_here("there is more text after the end of the data; it was not read"));
        }
        let Some(remark) = self.remark.take() else { return Ok(Frame::End) };
        self.row_line = self.position.line_feeds + 1;
        let remark: String = remark.chars().take(REMARK_CHARS_MAX).collect();
        Ok(Frame::Broken(format!("the server states that the file is not complete: {remark}").into()))
    }

    /// The next byte that is not white space.
    fn peek(&mut self) -> io::Result<Option<u8>> {
        loop {
            let chunk = self.reader.fill_buf()?;
            let Some(byte) = chunk.first().copied() else { return Ok(None) };
            if !byte.is_ascii_whitespace() {
                return Ok(Some(byte));
            }
            self.position.line_feeds += u64::from(byte == b'\n');
            self.skip()?;
        }
    }

    fn skip(&mut self) -> io::Result<()> {
        self.reader.consume(1);
        self.position.bytes += 1;
        Ok(())
    }

    /// Reads one JSON value; its end is found by brackets and quotes.
    fn value(&mut self, row: &mut Vec<u8>) -> io::Result<Frame> {
        let mut scan = Scan::default();
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(broken(CUT_OFF));
            }
            let (taken, is_done) = scan.advance(chunk);
            let room = ROW_BYTES_MAX.saturating_sub(row.len());
            scan.is_too_long |= taken > room;
            row.extend_from_slice(&chunk[..taken.min(room)]);
            self.reader.consume(taken);
            self.position.bytes += u64::try_from(taken).unwrap_or(0);
            if is_done {
                break;
            }
        }
        self.position.line_feeds += scan.line_feeds;
        match scan {
            // A closing bracket without an opening one: reading would not advance.
            Scan { .. } if row.is_empty() => Ok(broken("a closing bracket has no opening bracket")),
            Scan { is_too_long: true, .. } => Ok(Frame::Refused(TOO_LONG)),
            Scan { depth_most, .. } if depth_most > NESTING_MAX => Ok(Frame::Refused(TOO_DEEP)),
            Scan { .. } => Ok(Frame::Row),
        }
    }
}

/// Position in a JSON value.
#[derive(Debug, Default)]
struct Scan {
    depth: u32,
    depth_most: u32,
    is_in_string: bool,
    is_escaped: bool,
    is_too_long: bool,
    line_feeds: u64,
}

impl Scan {
    /// Number of bytes of the chunk that belong to the value, and whether the value ends there.
    fn advance(&mut self, chunk: &[u8]) -> (usize, bool) {
        for (index, byte) in chunk.iter().enumerate() {
            if self.is_in_string {
                if self.is_escaped {
                    self.is_escaped = false;
                } else if *byte == b'\\' {
                    self.is_escaped = true;
                } else if *byte == b'"' {
                    self.is_in_string = false;
                    if self.depth == 0 {
                        return (index + 1, true);
                    }
                }
                continue;
            }
            match byte {
                b'"' => self.is_in_string = true,
                b'\n' => self.line_feeds += 1,
                b'{' | b'[' => {
                    self.depth = self.depth.saturating_add(1);
                    self.depth_most = self.depth_most.max(self.depth);
                }
                // A number, a word or an invalid value ends before the surrounding syntax.
                b'}' | b']' | b',' if self.depth == 0 => return (index, true),
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return (index + 1, true);
                    }
                }
                _ => {}
            }
        }
        (chunk.len(), false)
    }
}

/// State of quotes in a row of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    FieldStart,
    Outside,
    Inside,
    /// After a quote that ends the cell, or is the first of an escaped pair.
    Closing,
}

impl Quotes {
    fn after(self, byte: u8, delimiter: u8) -> Self {
        match (self, byte) {
            (Self::FieldStart | Self::Closing, b'"') => Self::Inside,
            (Self::Inside, b'"') => Self::Closing,
            (Self::Inside, _) => Self::Inside,
            (Self::FieldStart | Self::Outside | Self::Closing, byte) if byte == delimiter => Self::FieldStart,
            (Self::FieldStart | Self::Outside | Self::Closing, _) => Self::Outside,
        }
    }
}
