//! On which line a row begins. The CSV reader's own count is late by one after CRLF and blank lines.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::rc::Rc;

/// Line breaks that were read and not yet passed by a row: as many as fit the reader's buffer and one row.
#[derive(Default)]
pub(super) struct LineBreaks {
    /// Offset in the file, and whether it is a line feed, which alone counts lines.
    pending: VecDeque<(u64, bool)>,
    line_feeds: u64,
    read: u64,
}

impl LineBreaks {
    /// The line of the first byte from `offset` on that is no line break. Offsets must not decrease.
    pub(super) fn line_at(&mut self, mut offset: u64) -> u64 {
        while let Some((at, is_line_feed)) = self.pending.front().copied().filter(|(at, _)| *at <= offset) {
            self.pending.pop_front();
            self.line_feeds += u64::from(is_line_feed);
            offset += u64::from(at == offset);
        }
        self.line_feeds + 1
    }

    fn note(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if matches!(byte, b'\n' | b'\r') {
                self.pending.push_back((self.read, *byte == b'\n'));
            }
            self.read += 1;
        }
    }
}

/// A reader whose line breaks are noted.
pub(super) struct Noted<R> {
    inner: R,
    breaks: Rc<RefCell<LineBreaks>>,
}

impl<R: Read> Noted<R> {
    pub(super) fn new(inner: R) -> (Self, Rc<RefCell<LineBreaks>>) {
        let breaks = Rc::<RefCell<LineBreaks>>::default();
        (
            Self {
                inner,
                breaks: Rc::clone(&breaks),
            },
            breaks,
        )
    }
}

impl<R: Read> Read for Noted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.breaks.borrow_mut().note(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::LineBreaks;

    #[test]
    fn blank_lines_and_either_line_ending_are_counted() {
        let mut breaks = LineBreaks::default();
        breaks.note(b"a\r\n\r\nb\nc\n\n");
        let lines: Vec<_> = [0, 2, 6, 8].into_iter().map(|offset| breaks.line_at(offset)).collect();
        assert_eq!(lines, [1, 3, 4, 6]);
    }
}
