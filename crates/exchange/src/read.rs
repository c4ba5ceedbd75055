//! Reading of files, row by row.

use std::io::{self, BufRead, Seek, SeekFrom};

use crate::format::Format;
use crate::frame::{self, Frame, Framing, Position, Source};
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
    /// Number of the feature or element in the file, from 1; `None` in files of lines, where the line tells.
    pub number: Option<u64>,
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
            Format::GeoJsonLines => (json::framing(head), "geojson"),
            Format::JsonLines => (json::framing(head), "json"),
            Format::Csv => (Framing::Table(options.delimiter.unwrap_or_else(|| table::delimiter(head))), "csv"),
        };
        let line_end = match framing {
            Framing::Table(_) | Framing::Lines => frame::line_end(head),
            Framing::Items | Framing::Values => b'\n',
        };
        let (source, row) = (Source::new(reader, line_end), Vec::new());
        let mut opened = Self { source, framing, header: None, prefix, row, has_failed: false };
        if matches!(framing, Framing::Table(_)) {
            opened.read_header(options)?;
        }
        Ok(opened)
    }

    fn read_header(&mut self, options: &ReadOptions) -> Result<(), OpenError> {
        let mut frame = self.source.next(self.framing, &mut self.row)?;
        // Spreadsheets write their delimiter in front of the header: `sep=;`.
        if let Some(delimiter) = table::separator_line(&self.row).filter(|_| frame == Frame::Row) {
            self.framing = Framing::Table(options.delimiter.unwrap_or(delimiter));
            frame = self.source.next(self.framing, &mut self.row)?;
        }
        let Framing::Table(delimiter) = self.framing else { return Ok(()) };
        let header = match frame {
            Frame::Row => Header::parse(&self.row, delimiter, &options.columns),
            Frame::End => Err("the table must have a header".to_owned()),
            Frame::Refused(reason) => Err(reason.to_owned()),
            Frame::Broken(reason) => Err(reason.into_owned()),
        };
        self.header = Some(header.map_err(OpenError::Header)?);
        self.source.position.rows = 0;
        Ok(())
    }

    fn read_row(&mut self) -> io::Result<Option<Row>> {
        let frame = self.source.next(self.framing, &mut self.row)?;
        let is_broken = matches!(frame, Frame::Broken(_));
        let content = match frame {
            Frame::End => return Ok(None),
            Frame::Row => match &self.header {
                Some(header) => header.record(&self.row, self.prefix),
                None => json::parse(&self.row, self.prefix),
            },
            Frame::Refused(reason) => Err(Fault::row(reason)),
            Frame::Broken(reason) => Err(Fault::row(reason)),
        };
        let line = self.source.row_line;
        let content = content.map_err(|Fault { column, reason }| RefusedRow { line, column, reason });
        let number = match self.framing {
            Framing::Items | Framing::Values if !is_broken => Some(self.source.position.rows),
            Framing::Items | Framing::Values | Framing::Table(_) | Framing::Lines => None,
        };
        Ok(Some(Row { line, number, position: self.source.position, content }))
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
            if opened.framing == Framing::Items {
                // What is in front of the array tells what must follow it.
                opened.source.enter_array(&mut opened.row)?;
            }
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
