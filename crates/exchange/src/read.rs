//! Reading of files, row by row.

use std::io::{self, BufRead, Seek, SeekFrom};

use crate::format::Format;
use crate::frame::{Frame, Framing, Position, Source};
use crate::json;
use crate::record::{Fault, RefusedRow, ShopRecord};
use crate::table::{self, ColumnMapping, Header};

/// Options for reading a file. Values that are not set are detected.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Format of the file.
    pub format: Option<Format>,
    /// Fields of columns of a table whose headers are not recognized.
    pub columns: Vec<ColumnMapping>,
    /// Delimiter of the cells of a table.
    pub delimiter: Option<u8>,
}

/// A file cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The stream failed.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    /// The format cannot be detected from content and name.
    #[error("the format of the file cannot be detected; set it explicitly")]
    FormatUnknown,
    /// The header of a table is not valid.
    #[error("{0}")]
    Header(String),
}

/// One row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Line on which the row starts, from 1.
    pub line: u64,
    /// End of the row, for [`ShopReader::resume`].
    pub position: Position,
    /// The record, or the reason of the rejection.
    pub content: Result<ShopRecord, RefusedRow>,
}

/// Iterates over the rows of a file in constant memory.
///
/// An invalid row is returned as rejected, and reading continues. If the rest of the file cannot be read, a rejected row is
/// the last one. An error of the stream is the last item.
#[derive(Debug)]
pub struct ShopReader<R> {
    source: Source<R>,
    framing: Framing,
    /// Header of a table.
    header: Option<Header>,
    /// Prefix of IDs without a source.
    prefix: &'static str,
    row: Vec<u8>,
    has_failed: bool,
}

impl<R: BufRead> ShopReader<R> {
    /// Opens a file; `file_name` is used to detect the format.
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn open(mut reader: R, file_name: &str, options: &ReadOptions) -> Result<Self, OpenError> {
        let head = reader.fill_buf()?;
        let format = options.format.or_else(|| Format::detect(file_name, head)).ok_or(OpenError::FormatUnknown)?;
        let (framing, prefix) = match format {
            Format::GeoJson | Format::Overpass => (Framing::Items, "geojson"),
            Format::GeoJsonLines => (Framing::Lines, "geojson"),
            Format::JsonLines => (Framing::Lines, "json"),
            Format::Csv => (Framing::Table(options.delimiter.unwrap_or_else(|| table::delimiter(head))), "csv"),
        };
        let (source, row) = (Source::new(reader), Vec::new());
        let mut opened = Self { source, framing, header: None, prefix, row, has_failed: false };
        if let Framing::Table(delimiter) = framing {
            opened.read_header(delimiter, &options.columns)?;
        }
        Ok(opened)
    }

    fn read_header(&mut self, delimiter: u8, mappings: &[ColumnMapping]) -> Result<(), OpenError> {
        let header = match self.source.next(self.framing, &mut self.row)? {
            Frame::Row => Header::parse(&self.row, delimiter, mappings),
            Frame::End => Err("the table must have a header".to_owned()),
            Frame::Refused(reason) | Frame::Broken(reason) => Err(reason.to_owned()),
        };
        self.header = Some(header.map_err(OpenError::Header)?);
        self.source.position.rows = 0;
        Ok(())
    }

    fn read_row(&mut self) -> io::Result<Option<Row>> {
        let frame = self.source.next(self.framing, &mut self.row)?;
        let content = match frame {
            Frame::End => return Ok(None),
            Frame::Row => match &self.header {
                Some(header) => header.record(&self.row, self.prefix),
                None => json::parse(&self.row, self.prefix),
            },
            Frame::Refused(reason) | Frame::Broken(reason) => Err(Fault::row(reason)),
        };
        let line = self.source.row_line;
        let content = content.map_err(|Fault { column, reason }| RefusedRow { line, column, reason });
        Ok(Some(Row { line, position: self.source.position, content }))
    }
}

impl<R: BufRead + Seek> ShopReader<R> {
    /// Opens a file after a row that was read before, with one seek. File and options must be the same.
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn resume(reader: R, file_name: &str, options: &ReadOptions, position: Position) -> Result<Self, OpenError> {
        let mut opened = Self::open(reader, file_name, options)?;
        if position != Position::default() {
            opened.source.reader.seek(SeekFrom::Start(position.bytes))?;
            opened.source.resume_at(position);
        }
        Ok(opened)
    }
}

impl<R: BufRead> Iterator for ShopReader<R> {
    type Item = io::Result<Row>;

    fn next(&mut self) -> Option<io::Result<Row>> {
        if self.has_failed {
            return None;
        }
        let row = self.read_row().transpose();
        self.has_failed = matches!(row, Some(Err(_)));
        row
    }
}
