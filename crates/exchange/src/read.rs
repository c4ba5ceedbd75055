//! Reads the shops of a file, row by row.

use std::io::{self, BufRead, Seek, SeekFrom};

use crate::format::Format;
use crate::frame::{Frame, Framing, Position, Source};
use crate::json;
use crate::record::{Fault, RefusedRow, ShopRecord};
use crate::table::{self, ColumnMapping, Header};

/// How to read a file. By default everything is found out.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Its format.
    pub format: Option<Format>,
    /// Which columns of a table are which fields, where their headers do not say it.
    pub columns: Vec<ColumnMapping>,
    /// What separates the cells of a table.
    pub delimiter: Option<u8>,
}

/// Why a file cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The stream failed.
    #[error("the file cannot be read")]
    Io(#[from] io::Error),
    /// Neither the content nor the name of the file tells its format.
    #[error("the format of the file is not known; name it")]
    FormatUnknown,
    /// The header of a table does not fit.
    #[error("{0}")]
    Header(String),
}

/// One row of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// Where it ends: [`ShopReader::resume`] goes on there.
    pub position: Position,
    /// The shop, or why it is none.
    pub content: Result<ShopRecord, RefusedRow>,
}

/// Iterates over the rows of a file in constant memory.
///
/// A row that is no shop is told as refused and the next one follows; where the file as a whole cannot be understood any
/// more, a refused row is the last. An error of the stream is the last item too.
#[derive(Debug)]
pub struct ShopReader<R> {
    source: Source<R>,
    framing: Framing,
    /// Of a table.
    header: Option<Header>,
    /// The source of ids that do not name one.
    prefix: &'static str,
    row: Vec<u8>,
    has_failed: bool,
}

impl<R: BufRead> ShopReader<R> {
    /// Starts to read; `file_name` helps to find out the format.
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
            Frame::End => Err("there is no header".to_owned()),
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
    /// Starts to read behind a row that was read before, with one seek. The file and the options must be the same.
    ///
    /// # Errors
    /// Every [`OpenError`].
    pub fn resume(reader: R, file_name: &str, options: &ReadOptions, position: Position) -> Result<Self, OpenError> {
        let mut opened = Self::open(reader, file_name, options)?;
        if position != Position::default() {
            opened.source.reader.seek(SeekFrom::Start(position.bytes))?;
            opened.source.go_on(position);
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
