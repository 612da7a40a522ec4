//! CSV taken apart into rows and cells (RFC 4180): quotes, doubled quotes, breaks within quotes, any line ending.

use std::rc::Rc;

use super::body::unreadable;
use super::rows::Stop;
use super::source::{Place, Source};
use crate::admin::error::AdminError;

/// One row. Its text is in one piece, so that nothing is allocated anew for each row.
#[derive(Default)]
pub(super) struct Cells {
    line: u64,
    text: Vec<u8>,
    /// Where each cell ends, and whether it was quoted.
    ends: Vec<(usize, bool)>,
    /// The first cell that is not written as one may be.
    fault: Option<(usize, &'static str)>,
}

/// One cell as it is written.
#[derive(Clone, Copy)]
pub(super) struct Cell<'a> {
    pub(super) bytes: &'a [u8],
    /// Then spaces around it are part of it.
    pub(super) quoted: bool,
}

impl Cells {
    /// Where the row begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    pub(super) fn count(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<Cell<'_>> {
        let (end, quoted) = *self.ends.get(at)?;
        let start = match at.checked_sub(1) {
            Some(before) => self.ends.get(before)?.0,
            None => 0,
        };
        Some(Cell {
            bytes: self.text.get(start..end)?,
            quoted,
        })
    }

    /// Which cell cannot be read, and why.
    pub(super) fn fault(&self) -> Option<(usize, &'static str)> {
        self.fault
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
        self.fault = None;
    }

    /// What has been read of the cell that is not finished.
    fn unfinished(&self) -> &[u8] {
        let start = self.ends.last().map_or(0, |(end, _)| *end);
        self.text.get(start..).unwrap_or_default()
    }

    fn finish_cell(&mut self, quoted: bool) {
        self.ends.push((self.text.len(), quoted));
    }

    fn complain(&mut self, why: &'static str) {
        self.fault.get_or_insert((self.ends.len(), why));
    }
}

/// Where within a cell the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before its first byte.
    Start,
    /// Within one that is not quoted.
    Plain,
    Quoted,
    /// Behind a quote that closes it, unless a second one follows.
    Closed,
    /// Behind a fault, up to the end of the cell.
    Lost,
}

/// Reads rows one after the other.
pub(super) struct Splitter {
    source: Source,
    place: Rc<Place>,
}

/// What may stand between two rows.
pub(super) fn is_break(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

impl Splitter {
    /// `source` must take [`is_break`] for its separators.
    pub(super) fn new(source: Source) -> Self {
        let place = source.place();
        Self { source, place }
    }

    /// Reads the next row that is not blank; `false` at the end of the file.
    pub(super) fn next(&mut self, cells: &mut Cells) -> Result<bool, Stop> {
        loop {
            cells.clear();
            self.place.await_row();
            let ended = self.read_row(cells)?;
            cells.line = self.place.row_line();
            let is_blank =
                matches!(cells.ends.as_slice(), [] | [(_, false)]) && cells.text.iter().all(u8::is_ascii_whitespace);
            if !is_blank || ended {
                return Ok(!is_blank);
            }
        }
    }

    /// Reads up to a line break or the end of the file, and tells which.
    fn read_row(&mut self, cells: &mut Cells) -> Result<bool, Stop> {
        let (mut state, mut quoted) = (State::Start, false);
        loop {
            let Some(byte) = self.source.next().map_err(unreadable)? else {
                return self.end(state, quoted, cells);
            };
            state = match (state, byte) {
                (State::Start, b'"') => {
                    quoted = true;
                    State::Quoted
                }
                (State::Quoted, b'"') => State::Closed,
                (State::Quoted, byte) | (State::Closed, byte @ b'"') => {
                    cells.text.push(byte);
                    State::Quoted
                }
                (_, b',') => {
                    cells.finish_cell(std::mem::take(&mut quoted));
                    State::Start
                }
                (_, byte) if is_break(byte) => {
                    cells.finish_cell(quoted);
                    return Ok(false);
                }
                (State::Closed, _) => {
                    cells.complain("has text behind the quote that closes it");
                    State::Lost
                }
                (State::Plain, b'"') if cells.unfinished().trim_ascii().is_empty() => {
                    cells.complain("has spaces before its quote");
                    State::Lost
                }
                (State::Lost, _) => State::Lost,
                (State::Start | State::Plain, byte) => {
                    cells.text.push(byte);
                    State::Plain
                }
            };
        }
    }

    fn end(&self, state: State, quoted: bool, cells: &mut Cells) -> Result<bool, Stop> {
        if state == State::Quoted {
            let line = self.place.row_line();
            let why = format!("the row that begins in line {line} opens a quote that is never closed");
            return Err(AdminError::invalid("data", why).into());
        }
        if state != State::Start || !cells.ends.is_empty() {
            cells.finish_cell(quoted);
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::body::tests::in_pieces;
    use super::{Cells, Source, Splitter, Stop, is_break};

    /// Line, cells and fault of each row.
    type Rows = Vec<(u64, Vec<String>, Option<usize>)>;

    fn rows(text: &str) -> Result<Rows, Stop> {
        let mut splitter = Splitter::new(Source::new(in_pieces(text.as_bytes(), 3), 100, is_break));
        let (mut cells, mut rows) = (Cells::default(), Vec::new());
        while splitter.next(&mut cells)? {
            let texts = (0..cells.count()).map(|at| String::from_utf8(cells.get(at).unwrap().bytes.to_vec()).unwrap());
            rows.push((cells.line(), texts.collect(), cells.fault().map(|(at, _)| at)));
        }
        Ok(rows)
    }

    fn sound(text: &str) -> Vec<Vec<String>> {
        let rows = rows(text).unwrap();
        assert!(rows.iter().all(|(_, _, fault)| fault.is_none()));
        rows.into_iter().map(|(_, cells, _)| cells).collect()
    }

    #[test]
    fn quotes_keep_commas_breaks_spaces_and_doubled_quotes() {
        assert_eq!(
            sound("\"a, b\",\" p\"\"w\r\nd \"\nx,\"\"\n"),
            [["a, b", " p\"w\r\nd "], ["x", ""]]
        );
    }

    #[test]
    fn every_line_ending_ends_a_row_and_blank_lines_are_none() {
        for end in ["\n", "\r\n", "\r", "\n\n", "\r\n \r\n"] {
            assert_eq!(sound(&format!("a,b{end}c,d{end}")), [["a", "b"], ["c", "d"]], "{end:?}");
            assert_eq!(sound(&format!("a,b{end}c,d")), [["a", "b"], ["c", "d"]], "{end:?}");
        }
        assert_eq!(sound(""), Vec::<Vec<String>>::new());
        assert_eq!(sound("\n\r\n"), Vec::<Vec<String>>::new());
    }

    #[test]
    fn an_empty_cell_is_one_and_so_is_an_empty_quoted_one_alone() {
        assert_eq!(sound(",\n\"\"\na,"), [vec!["", ""], vec![""], vec!["a", ""]]);
    }

    #[test]
    fn a_quote_within_a_value_that_does_not_begin_with_one_is_part_of_it() {
        assert_eq!(sound("a\"b\",c"), [["a\"b\"", "c"]]);
    }

    #[test]
    fn a_cell_that_is_not_written_as_one_may_be_is_told_and_the_next_row_is_read() {
        let rows = rows("a,\"b\"x\"\"y,c\nd, \"e\"\nf,g\n").unwrap();
        let faults: Vec<_> = rows
            .iter()
            .map(|(line, cells, fault)| (*line, cells.len(), *fault))
            .collect();
        assert_eq!(faults, [(1, 3, Some(1)), (2, 2, Some(1)), (3, 2, None)]);
    }

    #[test]
    fn a_quote_that_is_never_closed_is_told_with_the_line_where_it_opens() {
        match rows("a,b\nc,\"d\ne,f\n") {
            Err(Stop::Failed(error)) => assert!(error.to_string().contains("line 2"), "{error}"),
            other => panic!("{other:?}"),
        }
    }
}
