//! Rows of a CSV file: a header line, then cells by column.

use super::body::Body;
use super::columns::{Column, unknown};
use super::csv_cells::{Cell, Cells, Splitter, is_break};
use super::intake::Intake;
use super::job::PasswordType;
use super::rows::{Fault, Fields, Stop};
use super::source::Source;
use super::values;
use crate::admin::error::{AdminError, violation};
use crate::auth::Secret;

/// Reads the whole file row by row.
pub(super) fn read(body: Body, row_limit: usize, intake: &mut Intake<'_>) -> Result<(), Stop> {
    let mut rows = Splitter::new(Source::new(body, row_limit, is_break));
    let mut cells = Cells::default();
    if !rows.next(&mut cells)? {
        return Err(AdminError::invalid("data", "is empty: a CSV file begins with a header line").into());
    }
    let columns = Columns::of(&cells, intake.rules().password_type)?;
    while rows.next(&mut cells)? {
        intake.row(cells.line(), || columns.fields(&cells))?;
    }
    Ok(())
}

/// A line that is no header can hold thousands of them.
const TOLD_FAULTS: usize = 16;

/// Which column is where, in the order of the file.
struct Columns(Vec<Column>);

impl Columns {
    /// Refuses a header with all that is wrong with it. One without `user_id` is taken for a first row, and is not quoted,
    /// because then it holds somebody's password.
    fn of(header: &Cells, password_type: PasswordType) -> Result<Self, AdminError> {
        let names: Vec<_> = (0..header.count())
            .map(|at| header.get(at).map(header_name).unwrap_or_default())
            .collect();
        if !names.iter().any(|name| name == Column::UserId.name()) {
            let why = format!(
                "line {} is no header that can be used: it must name the columns, among them `user_id`",
                header.line()
            );
            return Err(AdminError::invalid("data", why));
        }
        let mut faults = Vec::new();
        let mut columns = Vec::new();
        for name in &names {
            match Column::named(name) {
                Some(column) if columns.contains(&column) => faults.push(format!("`{name}` twice")),
                Some(column) => columns.push(column),
                None => faults.push(unknown(name)),
            }
        }
        faults.truncate(TOLD_FAULTS);
        faults.extend(missing(password_type, &columns));
        let told = |why| violation("data", format!("the header in line {}: {why}", header.line()));
        AdminError::unless_empty(faults.into_iter().map(told).collect())?;
        Ok(Self(columns))
    }

    fn fields(&self, cells: &Cells) -> Result<Fields, (String, Fault)> {
        if cells.count() != self.0.len() {
            let why = format!("has {} columns, the header has {}", cells.count(), self.0.len());
            // Whatever stands where the name should be may be a password.
            return Err((String::new(), Fault::of_row(why)));
        }
        let mut fields = Fields::default();
        let mut fault = None;
        for (at, column) in self.0.iter().enumerate() {
            let Some(cell) = cells.get(at) else { continue };
            let written = cells.fault().filter(|(faulty, _)| *faulty == at);
            let read = match written {
                Some((_, why)) => Err(why.to_owned()),
                None => set(&mut fields, *column, cell),
            };
            // All cells are looked at, so that the row's user is known.
            if let Err(reason) = read {
                fault.get_or_insert(Fault::of(*column, reason));
            }
        }
        match fault {
            Some(fault) => Err((fields.user_id, fault)),
            None => Ok(fields),
        }
    }
}

fn missing(password_type: PasswordType, columns: &[Column]) -> Option<String> {
    let (needed, other, hint) = match password_type {
        PasswordType::Hash => (Column::PasswordHash, Column::Password, "plain"),
        PasswordType::Plain => (Column::Password, Column::PasswordHash, "hash"),
    };
    // Keys are as good as a hash; what is missing of them is told with each row.
    let has_keys = password_type == PasswordType::Hash && columns.contains(&Column::StoredKey);
    if columns.contains(&needed) || has_keys {
        return None;
    }
    let hint = if columns.contains(&other) {
        format!("; a file with `{}` is of the type `{hint}`", other.name())
    } else {
        String::new()
    };
    Some(format!("the column `{}` is missing{hint}", needed.name()))
}

fn header_name(cell: Cell<'_>) -> String {
    String::from_utf8_lossy(cell.bytes).trim().to_owned()
}

/// Spaces around a value belong to it if it is quoted, and to a password always.
fn set(fields: &mut Fields, column: Column, cell: Cell<'_>) -> values::Read<()> {
    let text = std::str::from_utf8(cell.bytes).map_err(|_| "is not UTF-8".to_owned())?;
    let trimmed = text.trim();
    let value = if cell.quoted { text } else { trimmed };
    match column {
        Column::UserId => fields.user_id = value.to_owned(),
        Column::PasswordHash => fields.password_hash = secret(trimmed),
        Column::Salt => fields.salt = value.to_owned(),
        Column::Iterations => fields.keys.iterations = values::count(trimmed)?,
        Column::StoredKey => fields.keys.stored_key = secret(trimmed),
        Column::ServerKey => fields.keys.server_key = secret(trimmed),
        Column::Password => fields.password = secret(text),
        Column::IsSuperuser => fields.is_superuser = values::flag(trimmed)?,
        Column::Disabled => fields.disabled = values::flag(trimmed)?,
        Column::ExpiresAt => fields.expires_at = values::moment(trimmed)?,
        Column::Attributes => fields.attributes = values::attributes(trimmed)?,
        Column::Namespace if trimmed.is_empty() => {}
        Column::Namespace => return Err(values::NAMESPACE_FAULT.into()),
    }
    Ok(())
}

/// `None`: not there.
fn secret(text: &str) -> Option<Secret> {
    (!text.is_empty()).then(|| Secret::new(text))
}
