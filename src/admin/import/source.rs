//! The file byte by byte: on which line it is, where the present row began, and how large that may become.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, Read};
use std::rc::Rc;

use super::body::{Body, row_too_large};

/// Where in the file its reader is. Shared with whoever reads through the source without having it in hand.
pub(super) struct Place {
    line: Cell<u64>,
    column: Cell<u64>,
    /// The last byte was a carriage return: a line feed that follows ends no second line.
    returned: Cell<bool>,
    /// The next byte that is no separator begins a row.
    awaiting: Cell<bool>,
    row_line: Cell<u64>,
    row_column: Cell<u64>,
    row_bytes: Cell<usize>,
    row_limit: usize,
    is_separator: fn(u8) -> bool,
}

impl Place {
    /// From here on the next byte that is no separator begins a row.
    pub(super) fn await_row(&self) {
        self.awaiting.set(true);
        self.row_bytes.set(0);
    }

    /// Whether the row has not begun yet.
    pub(super) fn is_awaiting(&self) -> bool {
        self.awaiting.get()
    }

    /// Where the present row began.
    pub(super) fn row_line(&self) -> u64 {
        self.row_line.get()
    }

    /// The column in which the present row began; both count from 1.
    pub(super) fn row_column(&self) -> u64 {
        self.row_column.get()
    }

    fn pass(&self, byte: u8) -> io::Result<()> {
        let is_second_half = byte == b'\n' && self.returned.get();
        self.returned.set(byte == b'\r');
        if self.awaiting.get() && !(self.is_separator)(byte) {
            self.awaiting.set(false);
            self.row_line.set(self.line.get());
            self.row_column.set(self.column.get() + 1);
        }
        if matches!(byte, b'\n' | b'\r') {
            self.line.set(self.line.get() + u64::from(!is_second_half));
            self.column.set(0);
        } else {
            self.column.set(self.column.get() + 1);
        }
        if self.awaiting.get() {
            return Ok(());
        }
        self.row_bytes.set(self.row_bytes.get() + 1);
        if self.row_bytes.get() > self.row_limit {
            return Err(row_too_large(self.row_line.get(), self.row_limit));
        }
        Ok(())
    }
}

/// The file byte by byte.
pub(super) struct Source {
    bytes: BufReader<Body>,
    place: Rc<Place>,
}

impl Source {
    /// `is_separator` tells what may stand between rows.
    pub(super) fn new(body: Body, row_limit: usize, is_separator: fn(u8) -> bool) -> Self {
        let place = Place {
            line: Cell::new(1),
            column: Cell::new(0),
            returned: Cell::new(false),
            awaiting: Cell::new(false),
            row_line: Cell::new(1),
            row_column: Cell::new(1),
            row_bytes: Cell::new(0),
            row_limit,
            is_separator,
        };
        Self {
            bytes: BufReader::new(body),
            place: Rc::new(place),
        }
    }

    pub(super) fn place(&self) -> Rc<Place> {
        Rc::clone(&self.place)
    }

    /// The next byte, `None` at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<u8>> {
        let Some(byte) = self.bytes.fill_buf()?.first().copied() else {
            return Ok(None);
        };
        self.bytes.consume(1);
        self.place.pass(byte)?;
        Ok(Some(byte))
    }
}

/// One byte at a time, so that the place is never ahead of the reader.
impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(first) = buffer.first_mut() else {
            return Ok(0);
        };
        match self.next()? {
            Some(byte) => {
                *first = byte;
                Ok(1)
            }
            None => Ok(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::tests::in_pieces;
    use super::Source;

    #[test]
    fn lines_end_with_either_break_or_both() {
        let mut source = Source::new(in_pieces(b"a\r\nb\n\r\rc", 3), 100, |byte| {
            matches!(byte, b'\r' | b'\n')
        });
        let mut rows = Vec::new();
        source.place().await_row();
        while let Some(byte) = source.next().unwrap() {
            if !source.place().is_awaiting() {
                rows.push((char::from(byte), source.place().row_line()));
                source.place().await_row();
            }
        }
        assert_eq!(rows, [('a', 1), ('b', 2), ('c', 5)]);
    }

    #[test]
    fn a_row_past_its_bound_is_refused_and_what_stands_between_rows_is_not_counted() {
        let text = [&b"\n".repeat(50)[..], b"abcdef"].concat();
        let mut source = Source::new(in_pieces(&text, 7), 5, |byte| byte == b'\n');
        source.place().await_row();
        let mut read = 0;
        let error = loop {
            match source.next() {
                Ok(_) => read += 1,
                Err(error) => break error,
            }
        };
        assert_eq!(read, 55);
        assert!(error.to_string().contains("line 51"), "{error}");
    }
}
