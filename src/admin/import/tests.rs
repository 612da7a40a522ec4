//! What a file is read as: good rows, bad rows with line and column, and files that cannot be read.

mod keys;

use std::collections::BTreeMap;

use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use tokio::sync::mpsc;

use super::body::Body;
use super::body::tests::in_pieces;
use super::intake::Intake;
use super::job::{ImportFormat, Limits, PasswordType};
use super::reading::Reading;
use super::rows::tests::{fault, hashed, plain, rules};
use super::rows::{Line, Row, RowPassword, Rules, Stop};
use super::{csv_file, json_file};
use crate::auth::{Secret, Timestamp};

const ROW_LIMIT: usize = 2000;

fn read_after(
    format: ImportFormat,
    text: &[u8],
    password_type: PasswordType,
    resume_after: u64,
) -> Result<Vec<Line>, Stop> {
    read_by(rules(password_type), format, text, resume_after)
}

fn read_by(rules: Rules, format: ImportFormat, text: &[u8], resume_after: u64) -> Result<Vec<Line>, Stop> {
    let mut lines = Vec::new();
    let mut sink = |line| {
        lines.push(line);
        Ok(())
    };
    let mut intake = Intake::new(rules, resume_after, &mut sink);
    let read: fn(Body, usize, &mut Intake<'_>) -> Result<(), Stop> = match format {
        ImportFormat::Csv => csv_file::read,
        ImportFormat::Json => json_file::read_array,
        ImportFormat::Ndjson => json_file::read_lines,
    };
    read(in_pieces(text, 7), ROW_LIMIT, &mut intake)?;
    intake.end()?;
    Ok(lines)
}

fn read(format: ImportFormat, text: &str, password_type: PasswordType) -> Vec<Line> {
    read_after(format, text.as_bytes(), password_type, 0).unwrap()
}

/// What is said of a file of passwords that cannot be read.
fn refused(format: ImportFormat, text: &[u8]) -> String {
    match read_after(format, text, PasswordType::Plain, 0) {
        Err(Stop::Failed(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

const CSV: ImportFormat = ImportFormat::Csv;
const JSON: ImportFormat = ImportFormat::Json;
const NDJSON: ImportFormat = ImportFormat::Ndjson;
const HASH: PasswordType = PasswordType::Hash;
const PLAIN: PasswordType = PasswordType::Plain;

const HASHED_CSV: &str = "\
user_id,password_hash,salt,is_superuser
myuser3,b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75,de1024f462fb83910fd13151bd4bd235,true
myuser4,ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a99182e8,ad773b5be9dd0613fe6c2f4d8c403139,false
";

const HASHED_JSON: &str = r#"[
    {
        "user_id":"myuser3",
        "password_hash":"b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75",
        "salt": "de1024f462fb83910fd13151bd4bd235",
        "is_superuser": true
    },
    {
        "user_id":"myuser4",
        "password_hash":"ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a99182e8",
        "salt": "ad773b5be9dd0613fe6c2f4d8c403139",
        "is_superuser": false
    }
]
"#;

fn sample_users() -> [Line; 2] {
    [
        hashed(
            "myuser3",
            "de1024f462fb83910fd13151bd4bd235$b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75",
            true,
        ),
        hashed(
            "myuser4",
            "ad773b5be9dd0613fe6c2f4d8c403139$ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a99182e8",
            false,
        ),
    ]
}

#[test]
fn emqx_files_of_hashes_are_read_as_they_are() {
    let crlf = HASHED_CSV.replace('\n', "\r\n");
    let marked = format!("\u{feff}{HASHED_CSV}");
    let spaced = HASHED_CSV.replace(',', " , ").replace('\n', "\n\n");
    for text in [HASHED_CSV, &crlf, &marked, &spaced] {
        assert_eq!(read(CSV, text, HASH), sample_users());
    }
    let marked = format!("\u{feff}{HASHED_JSON}");
    for text in [HASHED_JSON, &marked] {
        assert_eq!(read(JSON, text, HASH), sample_users());
    }
}

#[test]
fn emqx_files_of_passwords_are_read_as_they_are() {
    let users = [
        plain("myuser3", "password3", true),
        plain("myuser4", "password4", false),
    ];
    let csv = "user_id,password,is_superuser,namespace\nmyuser3,password3,true,\nmyuser4,password4,false,\n";
    assert_eq!(read(CSV, csv, PLAIN), users);
    let json = r#"[{"user_id":"myuser3","password":"password3","is_superuser":true,"namespace":null},
        {"user_id":"myuser4","password":"password4","is_superuser":false,"namespace":""}]"#;
    assert_eq!(read(JSON, json, PLAIN), users);
}

#[test]
fn emqx_malformed_file_has_one_good_row_and_one_bad() {
    let text = "\
user_id,password_hash,salt,is_superuser
myuser3,b6c743545a7817ae8c8f624371d5f5f0373234bb0ff36b8ffbf19bce0e06ab75,de1024f462fb83910fd13151bd4bd235,true
myuser4,ee68c985a69208b6eda8c6c9b4c7c2d2b15ee2352cdd64a903171710a9
";
    let lines = read(CSV, text, HASH);
    assert_eq!(lines[0], sample_users()[0]);
    assert_eq!(fault(&lines[1]), (3, "", "has 2 columns, the header has 4"));
}

/// The one user whose every field is set.
fn full() -> Line {
    Line::Good(Row {
        user_id: " ann, \"the\" first ".into(),
        password: RowPassword::Plain(Secret::new(" p ")),
        is_superuser: true,
        disabled: true,
        expires_at: Some(Timestamp(1_700_000_000_123)),
        attributes: BTreeMap::from([("tenant".to_owned(), "a,b".to_owned())]),
    })
}

#[test]
fn every_column_is_read_from_every_format() {
    let csv = "user_id,password,is_superuser,disabled,expires_at,attributes\n\
        \" ann, \"\"the\"\" first \", p ,true,1,2023-11-14T22:13:20.123Z,\"{\"\"tenant\"\": \"\"a,b\"\"}\"\n";
    assert_eq!(read(CSV, csv, PLAIN), [full()]);
    let object = r#"{"user_id": " ann, \"the\" first ", "password": " p ", "is_superuser": true, "disabled": true,
        "expires_at": 1700000000123, "attributes": {"tenant": "a,b"}}"#;
    assert_eq!(read(JSON, &format!("[{object}]"), PLAIN), [full()]);
    assert_eq!(read(NDJSON, &object.replace('\n', " "), PLAIN), [full()]);
}

#[test]
fn a_bad_row_is_told_with_line_column_and_user_and_the_others_are_kept() {
    let text = "user_id,password,is_superuser,namespace,expires_at\n\
        ,x,,,\nann,,,,\nbob,x,yes,,\ncid,x,,t1,\n\"d\ne\",x,,,\nfay,x,,,soon\nguy,x,1,,\n\"hal\"x,x,,,\n";
    let lines = read(CSV, text, PLAIN);
    let faults: Vec<_> = lines
        .iter()
        .filter_map(|line| match line {
            Line::Bad(bad) => Some((bad.line, bad.column.as_str(), bad.user_id.as_str())),
            Line::Good(_) => None,
        })
        .collect();
    assert_eq!(
        faults[..4],
        [
            (2, "user_id", ""),
            (3, "password", "ann"),
            (4, "is_superuser", "bob"),
            (5, "namespace", "cid"),
        ]
    );
    // A name with a line break counts two lines, whether such a name is taken or not.
    assert_eq!(
        faults[faults.len() - 2..],
        [(8, "expires_at", "fay"), (10, "user_id", "")]
    );
    assert!(lines.contains(&plain("guy", "x", true)));
}

#[test]
fn a_byte_that_is_not_utf8_is_told_with_its_column() {
    let text = b"user_id,password\nann,x\nb\xffb,y\ncid,\xff\ndan,z\n";
    let lines = read_after(CSV, text, PLAIN, 0).unwrap();
    assert_eq!(fault(&lines[1]), (3, "user_id", "is not UTF-8"));
    assert_eq!(fault(&lines[2]), (4, "password", "is not UTF-8"));
    assert_eq!(lines[3], plain("dan", "z", false));
    let lines = read_after(
        NDJSON,
        b"{\"user_id\": \"\xff\"}\n{\"user_id\":\"dan\",\"password\":\"z\"}",
        PLAIN,
        0,
    )
    .unwrap();
    assert_eq!(fault(&lines[0]).0, 1);
    assert_eq!(lines[1], plain("dan", "z", false));
    assert!(refused(JSON, b"[{}, \n{\"user_id\": \"\xff\"}]").contains("line 2, column"));
}

#[test]
fn a_header_that_cannot_be_used_is_refused_with_all_its_faults() {
    let said = refused(CSV, b"user_id,username,user_id,colour\nx,y,z,w\n");
    for part in [
        "`username` is unknown; did you mean `user_id`?",
        "`user_id` twice",
        "`colour`",
        "`password` is missing",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(refused(CSV, b"user_id,password_hash\n").contains("type `hash`"));
    assert!(refused(CSV, b"").contains("is empty"));
    assert!(refused(CSV, b"\xEF\xBB\xBF\r\n\r\n").contains("is empty"));
}

#[test]
fn a_missing_header_does_not_have_the_first_password_told() {
    let said = refused(CSV, b"\nann,hunter2\nbob,hunter3\n");
    assert!(said.contains("line 2") && !said.contains("hunter"), "{said}");
}

#[test]
fn a_row_past_the_limit_is_told_with_its_line() {
    let long = "x".repeat(ROW_LIMIT);
    for (format, text, line) in [
        (CSV, format!("user_id,password\nann,x\nbob,{long}\n"), 3),
        (CSV, format!("user_id,password\nann,\"x\n{long}\n"), 2),
        (JSON, format!("[\n\n{{\"user_id\": \"{long}\"}}]"), 3),
        (NDJSON, format!("\n{{}}\n{{\"user_id\": \"{long}\"}}\n"), 3),
    ] {
        let said = refused(format, text.as_bytes());
        assert!(
            said.contains(&format!("line {line} has more than {ROW_LIMIT} bytes")),
            "{said}"
        );
    }
}

#[test]
fn a_file_that_ends_in_the_midst_is_not_a_shorter_file() {
    assert!(refused(CSV, b"user_id,password\nann,x\nbob,\"y\n").contains("line 3 opens a quote that is never closed"));
    for text in ["", "[", "[{}", "[{},", "[{\"user_id\": \"an"] {
        assert!(
            refused(JSON, text.as_bytes()).contains("before the JSON array does"),
            "{text}"
        );
    }
}

#[test]
fn a_file_that_is_no_array_is_refused_without_quoting_it() {
    for text in [
        "\"hunter2\"",
        "[{\"password\": \"hunter2\", ]",
        "[] hunter2",
        "{\"hunter2\": 1}",
    ] {
        assert!(!refused(JSON, text.as_bytes()).contains("hunter2"), "{text}");
    }
}

#[test]
fn bad_elements_are_told_and_the_others_kept() {
    let text = r#"[3, {"user_id": 7}, {"user_id": "a", "password": "x", "role": "x"},
        {"user_id": "b", "password": "x", "is_superuser": "yes"}, [1, {"a": 2}], null,
        {"user_id": "b", "password": "x", "password": "y"},
        {"user_id": "c", "password": "x", "is_superuser": "TRUE"}]"#;
    let lines = read(JSON, text, PLAIN);
    let faults: Vec<_> = lines[..7].iter().map(|line| (fault(line).0, fault(line).1)).collect();
    assert_eq!(
        faults,
        [
            (1, ""),
            (1, "user_id"),
            (1, ""),
            (2, "is_superuser"),
            (2, ""),
            (2, ""),
            (3, "")
        ]
    );
    assert!(fault(&lines[2]).2.contains("`role` is unknown"));
    assert_eq!(lines[7], plain("c", "x", true));
}

#[test]
fn each_line_of_ndjson_stands_for_itself_and_blank_ones_are_none() {
    let text = "{\"user_id\":\"a\",\"password\":\"x\"}\r\n\n  \r\n  {\"user_id\":\"hunter2\n{\"user_id\":\"b\",\"password\":\"y\"}";
    let lines = read(NDJSON, text, PLAIN);
    assert_eq!(lines[0], plain("a", "x", false));
    assert_eq!(fault(&lines[1]).0, 4);
    assert!(fault(&lines[1]).2.contains("character 21"), "{:?}", lines[1]);
    assert!(!fault(&lines[1]).2.contains("hunter2"));
    assert_eq!((&lines[2], lines.len()), (&plain("b", "y", false), 3));
}

#[test]
fn a_resumed_import_passes_over_the_rows_that_are_settled_good_or_bad() {
    let text = b"user_id,password\na,x\nb,\n\nc,x\nd,\ne,x\n";
    let lines = read_after(CSV, text, PLAIN, 3).unwrap();
    assert_eq!(fault(&lines[0]).0, 6);
    assert_eq!((&lines[1], lines.len()), (&plain("e", "x", false), 2));
    assert_eq!(read_after(CSV, text, PLAIN, 5).unwrap().len(), 0);
    match read_after(CSV, text, PLAIN, 6) {
        Err(Stop::Failed(error)) => assert!(error.to_string().contains("only 5 rows"), "{error}"),
        other => panic!("{other:?}"),
    }
}

/// First row and length of each piece.
fn pieces(resume_after: u64, is_slow: bool) -> Vec<(u64, usize)> {
    let mut text = "user_id,password\n".to_owned();
    for user in 0..25 {
        text.push_str(&format!("user{user},{}\n", if user == 5 { "" } else { "x" }));
    }
    let (sender, body) = mpsc::channel(1);
    sender.try_send(Ok(text.into())).unwrap();
    drop(sender);
    let limits = Limits {
        batch_rows: 10,
        slow_batch_rows: 4,
        ..Limits::default()
    };
    let reading = Reading {
        format: CSV,
        rules: rules(PLAIN),
        resume_after,
        is_slow,
        limits,
    };
    let (sender, mut received) = mpsc::channel(10);
    reading.run(body, sender).unwrap();
    std::iter::from_fn(|| received.blocking_recv())
        .map(|piece| (piece.first_row, piece.lines.len()))
        .collect()
}

#[test]
fn a_resumed_import_cuts_its_batches_where_the_first_did() {
    assert_eq!(pieces(0, false), [(1, 10), (11, 10), (21, 5)]);
    assert_eq!(pieces(10, false), [(11, 10), (21, 5)]);
    assert_eq!(pieces(20, true), [(21, 4), (25, 1)]);
}

/// Text that looks like a file, and text that does not.
fn files() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 11] = [
        b"user_id,password\n",
        b"\"",
        b",",
        b"\r\n",
        b"\n",
        b"ann",
        b"[{\"user_id\":\"a\",\"password\":\"b\"}",
        b",{\"user_id\":\"c\",\"password\":\"d\"}]",
        b"{\"user_id\":\"a\",\"password\":\"b\"}\n",
        b"\xEF\xBB\xBF",
        b"\xff",
    ];
    let piece = proptest::sample::select(pieces.to_vec());
    let structured = proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat());
    prop_oneof![proptest::collection::vec(any::<u8>(), 0..300), structured]
}

proptest! {
    /// A row takes at least one byte and a separator, so there are never more rows than lines or bytes allow.
    #[test]
    fn no_file_makes_the_parser_panic_or_find_more_rows_than_were_written(file in files()) {
        for format in [CSV, JSON, NDJSON] {
            for password_type in [HASH, PLAIN] {
                if let Ok(lines) = read_after(format, &file, password_type, 0) {
                    let breaks = file.iter().filter(|byte| matches!(byte, b'\r' | b'\n')).count();
                    let most = if format == JSON { file.len() / 2 } else { breaks + 1 };
                    assert!(lines.len() <= most, "{} rows of {most}", lines.len());
                }
            }
        }
    }

    #[test]
    fn what_is_written_as_csv_is_read_back(names in proptest::collection::vec("[^\\p{Cc}]{1,20}", 1..20)) {
        // A value whose spaces count is quoted by whoever writes it.
        let mut quoted = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
        quoted.write_record(["user_id", "password"]).unwrap();
        for name in &names {
            quoted.write_record([name.as_str(), "x"]).unwrap();
        }
        let lines = read_after(CSV, &quoted.into_inner().unwrap(), PLAIN, 0).unwrap();
        let expected: Vec<_> = names.iter().map(|name| plain(name, "x", false)).collect();
        assert_eq!(lines, expected);
    }
}
