//! CEL's grammar: the only place that calls the parser.

use std::panic::catch_unwind;

use cel::common::ast::{IdedExpr, SourceInfo};
use cel::{Env, ParseErrors};

use super::fault::Fault;
use super::source::Source;

/// An expression as the parser understood it, with the places of its nodes.
pub(super) struct Syntax {
    source: Source,
    info: SourceInfo,
    pub(super) root: IdedExpr,
}

impl Syntax {
    /// Parses an expression. Macros stay calls: they are bounded where they are compiled, not expanded.
    pub(super) fn parse(text: &str) -> Result<Self, Fault> {
        let source = Source::read(text)?;
        // The parser is generated code over a runtime full of assertions. No text is known to upset it, and `Source` keeps away
        // what is long or deep; this is for what nobody knows, since a panic here would end the pass that opens all chains.
        let parsed = catch_unwind(|| Env::default().parser().parse_with_source_info(source.text()));
        match parsed {
            Ok(Ok((root, info))) => Ok(Self { source, info, root }),
            Ok(Err(errors)) => Err(first_of(&source, &errors)),
            Err(_) => Err(Fault::whole("cannot be read: the parser gave up on it")),
        }
    }

    /// Something that is wrong with a node.
    pub(super) fn fault(&self, node: &IdedExpr, why: impl Into<String>) -> Fault {
        match self.info.offset_for(node.id) {
            Some((start, _)) => Fault::at(self.source.place(start as usize), why),
            None => Fault::whole(why),
        }
    }
}

/// The parser's errors come in the order of the text, and the first is often the cause of the others.
fn first_of(source: &Source, errors: &ParseErrors) -> Fault {
    let Some(error) = errors.errors.first() else {
        return Fault::whole("cannot be read");
    };
    let why = error.msg.trim_start_matches("Syntax error: ");
    match (usize::try_from(error.pos.0), usize::try_from(error.pos.1)) {
        (Ok(line), Ok(column)) if line > 0 => Fault::at(source.place_at(line, column), why),
        _ => Fault::whole(why),
    }
}

#[cfg(test)]
mod tests {
    use super::Syntax;

    fn why(text: &str) -> String {
        Syntax::parse(text)
            .err()
            .map(|fault| fault.to_string())
            .unwrap_or_default()
    }

    #[test]
    fn a_syntax_error_is_named_with_its_place_in_the_given_text() {
        assert!(
            why("username ==").starts_with("line 1, column 12: "),
            "{}",
            why("username ==")
        );
        let fault = why("f('é\\d',\n '\\d' 'x')");
        assert!(fault.starts_with("line 2, column 7: "), "{fault}");
        assert!(!why("").is_empty() && !why("  // nothing").is_empty());
        assert!(!why("99999999999999999999 == 1").is_empty());
    }
}
