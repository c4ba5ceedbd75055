//! The cells of a CSV row (RFC 4180), split by `csv-core`.

use csv_core::{ReadRecordResult, ReaderBuilder, Terminator};

/// The cells of one row, without their quotes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cells {
    text: String,
    /// End of each cell in `text`.
    ends: Vec<usize>,
}

impl Cells {
    /// Splits a row without its line end. An open quote extends to the end of the row.
    pub(crate) fn of(row: &str, delimiter: u8) -> Self {
        let mut reader = ReaderBuilder::new().delimiter(delimiter).terminator(Terminator::Any(b'\n')).build();
        let mut text = vec![0; row.len()];
        // Each delimiter ends at most one cell.
        let mut ends = vec![0; row.bytes().filter(|byte| *byte == delimiter).count() + 1];
        let (mut input, mut written, mut count) = (row.as_bytes(), 0, 0);
        loop {
            let text_room = text.get_mut(written..).unwrap_or_default();
            let ends_room = ends.get_mut(count..).unwrap_or_default();
            let (result, read, more, cells) = reader.read_record(input, text_room, ends_room);
            input = input.get(read..).unwrap_or_default();
            written += more;
            count += cells;
            // The empty input of the last call marks the end of the row.
            if !matches!(result, ReadRecordResult::InputEmpty) {
                break;
            }
        }
        text.truncate(written);
        ends.truncate(count);
        // Only ASCII bytes were removed, so the text is still UTF-8.
        let text = String::from_utf8(text).unwrap_or_default();
        Self { text, ends }
    }

    /// Number of cells.
    pub(crate) const fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cells in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| self.text.get(start..*end).unwrap_or_default())
    }
}
