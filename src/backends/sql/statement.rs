//! A query template as a statement: placeholders become parameters, and no value ever becomes text of the statement.

use crate::auth::Credentials;
use crate::backends::template::{Part, Placeholder, Template};

/// How a database writes statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backends) enum Dialect {
    /// `$1`; quotes are doubled, `E'…'` and dollar quotes beside them.
    PostgreSql,
    /// `?`; a backslash escapes within quotes.
    MySql,
}

/// A statement without values, and what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::backends) struct Statement {
    /// The text before, between and after the parameters: one more than there are.
    pieces: Vec<String>,
    placeholders: Vec<Placeholder>,
    text: String,
}

/// What surrounds a place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Surrounding {
    Plain,
    /// Between two of these; whether a backslash escapes there.
    Quote(char, bool),
}

impl Statement {
    /// Reads a template. A placeholder in quotes of its own (`'${username}'`) stands for the parameter itself, as without them; one
    /// that shares quotes with other text is refused, because no value can be bound there.
    pub(in crate::backends) fn parse(text: &str, dialect: Dialect) -> Result<Self, String> {
        let template = Template::parse(text, |_| true)?;
        if let Some(unknown) = template.unknown().first() {
            return Err(format!("has an unknown placeholder `${{{unknown}}}`"));
        }
        let (mut pieces, mut placeholders) = (vec![String::new()], Vec::new());
        let mut surrounding = Surrounding::Plain;
        // The quote that was taken away before a placeholder, and must be taken away behind it.
        let mut own_quote = None;
        let mut parts = template.parts().iter().peekable();
        while let Some(part) = parts.next() {
            match part {
                Part::Text(text) => {
                    let text = match own_quote.take() {
                        Some(quote) => text.strip_prefix(quote).ok_or_else(|| shared(placeholders.last()))?,
                        None => text,
                    };
                    surrounding = dialect.after(surrounding, text);
                    if let Some(piece) = pieces.last_mut() {
                        piece.push_str(text);
                    }
                }
                Part::Value(placeholder) => {
                    if own_quote.is_some() {
                        return Err(shared(placeholders.last()));
                    }
                    if let Surrounding::Quote(quote, _) = surrounding {
                        let piece = pieces.last_mut().filter(|piece| piece.ends_with(quote) && quote != '`');
                        let piece = piece.ok_or_else(|| shared(Some(placeholder)))?;
                        piece.pop();
                        // Within, a doubled quote is one that stands for itself.
                        if piece.ends_with(quote) || dialect.after(Surrounding::Plain, piece) == surrounding {
                            return Err(shared(Some(placeholder)));
                        }
                        surrounding = Surrounding::Plain;
                        own_quote = Some(quote);
                        if parts.peek().is_none() {
                            return Err(shared(Some(placeholder)));
                        }
                    }
                    placeholders.push(placeholder.clone());
                    pieces.push(String::new());
                }
            }
        }
        let mut statement = Self {
            pieces,
            placeholders,
            text: String::new(),
        };
        statement.text = statement.written(|number| match dialect {
            Dialect::PostgreSql => format!("${number}"),
            Dialect::MySql => "?".to_owned(),
        });
        Ok(statement)
    }

    /// With the database's own marks for parameters.
    pub(in crate::backends) fn text(&self) -> &str {
        &self.text
    }

    /// What the parameters are, in their order.
    pub(in crate::backends) fn placeholders(&self) -> &[Placeholder] {
        &self.placeholders
    }

    /// With something else in the place of each parameter, which are counted from 1.
    pub(in crate::backends) fn written(&self, parameter: impl Fn(usize) -> String) -> String {
        let mut text = String::new();
        for (number, piece) in self.pieces.iter().enumerate() {
            if number > 0 {
                text.push_str(&parameter(number));
            }
            text.push_str(piece);
        }
        text
    }

    /// The values of a client, an absent one being empty; `None` if one is no text, and so is nobody's.
    pub(in crate::backends) fn values(&self, credentials: &Credentials) -> Option<Vec<String>> {
        let value = |placeholder: &Placeholder| {
            let value = placeholder.value(credentials).unwrap_or_default();
            String::from_utf8(value.into_owned()).ok()
        };
        self.placeholders.iter().map(value).collect()
    }
}

fn shared(placeholder: Option<&Placeholder>) -> String {
    let name = placeholder.map(Placeholder::name).unwrap_or_default();
    format!(
        "has `${{{name}}}` within quotes that hold other text too, where no value can be bound: join them in SQL, as by \
         CONCAT('a', ${{{name}}})"
    )
}

impl Dialect {
    /// What surrounds the place behind this text. Comments are left to the database.
    fn after(self, before: Surrounding, text: &str) -> Surrounding {
        let mut surrounding = before;
        let mut characters = text.chars();
        let mut last = ' ';
        while let Some(character) = characters.next() {
            match surrounding {
                Surrounding::Plain => {
                    let is_quote = matches!(character, '\'' | '"') || (character == '`' && self == Self::MySql);
                    if is_quote {
                        let escapes = match self {
                            Self::MySql => character != '`',
                            Self::PostgreSql => character == '\'' && matches!(last, 'e' | 'E'),
                        };
                        surrounding = Surrounding::Quote(character, escapes);
                    }
                }
                Surrounding::Quote(_, true) if character == '\\' => {
                    characters.next();
                }
                // A doubled one closes and opens at once.
                Surrounding::Quote(quote, _) if character == quote => surrounding = Surrounding::Plain,
                Surrounding::Quote(..) => {}
            }
            last = character;
        }
        surrounding
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{Dialect, Statement};
    use crate::auth::{Credentials, Secret};

    fn text(template: &str, dialect: Dialect) -> Result<String, String> {
        Statement::parse(template, dialect).map(|statement| statement.text().to_owned())
    }

    #[test]
    fn placeholders_become_parameters_with_or_without_quotes() {
        for template in [
            "SELECT a FROM u WHERE n = ${username} AND c=${clientid}",
            "SELECT a FROM u WHERE n = '${username}' AND c='${.clientid}'",
            "SELECT a FROM u WHERE n = \"${username}\" AND c=\"${clientid}\"",
        ] {
            let postgres = text(template, Dialect::PostgreSql).unwrap();
            assert_eq!(postgres, "SELECT a FROM u WHERE n = $1 AND c=$2");
            assert_eq!(
                text(template, Dialect::MySql).unwrap(),
                "SELECT a FROM u WHERE n = ? AND c=?"
            );
        }
        let twice = "SELECT ${username}, ${username}, 'it''s', \"a\"\"b\", '' LIMIT 1";
        assert_eq!(
            text(twice, Dialect::PostgreSql).unwrap(),
            "SELECT $1, $2, 'it''s', \"a\"\"b\", '' LIMIT 1"
        );
        assert_eq!(
            text("SELECT '${$}1', 5", Dialect::PostgreSql).unwrap(),
            "SELECT '$1', 5"
        );
        assert_eq!(text("${username}${clientid}", Dialect::MySql).unwrap(), "??");
        assert_eq!(text("'${username}'", Dialect::MySql).unwrap(), "?");
    }

    #[test]
    fn a_placeholder_that_shares_its_quotes_is_refused() {
        for template in [
            "SELECT 'mqtt:${username}'",
            "SELECT '${username}:'",
            "SELECT '${username}${clientid}'",
            "SELECT '%${username}%'",
            "SELECT 'it''${username}'",
            "SELECT '${username}",
            "SELECT `${username}`",
            "SELECT 'a\\'${username}'",
        ] {
            let refused = text(template, Dialect::MySql);
            assert!(refused.is_err(), "{template}: {refused:?}");
        }
        let why = text("SELECT 'mqtt:${username}'", Dialect::PostgreSql).unwrap_err();
        assert!(why.contains("`${username}`") && why.contains("CONCAT"));
        assert!(text("SELECT E'\\'${username}'", Dialect::PostgreSql).is_err());
        // Here the backslash is an ordinary character, and the quotes are closed before the placeholder.
        assert_eq!(
            text("SELECT '\\', ${username}", Dialect::PostgreSql).unwrap(),
            "SELECT '\\', $1"
        );
    }

    #[test]
    fn an_unknown_placeholder_is_refused() {
        assert!(text("SELECT ${user}", Dialect::MySql).unwrap_err().contains("${user}"));
    }

    #[test]
    fn what_is_no_text_is_nobodys() {
        let statement = Statement::parse("SELECT ${username}, ${password}, ${zone}", Dialect::MySql).unwrap();
        let mut client = Credentials {
            username: "a'b".to_owned(),
            password: Some(Secret::new("p")),
            ..Credentials::default()
        };
        assert_eq!(statement.values(&client).unwrap(), ["a'b", "p", ""]);
        client.password = Some(Secret::new(b"\xff".as_slice()));
        assert!(statement.values(&client).is_none());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>(), quotes in "['\"`\\\\$a{}]{0,20}(\\$\\{username\\}['\"`\\\\]?){0,3}") {
            for dialect in [Dialect::PostgreSql, Dialect::MySql] {
                let _read = Statement::parse(&text, dialect);
                let _read = Statement::parse(&quotes, dialect);
            }
        }
    }
}
