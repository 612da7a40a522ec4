//! What expressions mean: expression by expression, for one client.

use proptest::prelude::{any, prop, prop_oneof, proptest};
use proptest::strategy::{Just, Strategy};

use super::Precondition;
use super::budget::{Budget, MOST_STEPS};
use super::trouble::Trouble;
use crate::auth::{Credentials, Secret};

fn ada() -> Credentials {
    Credentials {
        listener: "tcp:default".to_owned(),
        client_id: "v1-dev-7".to_owned(),
        username: "Ada@tenant-a".to_owned(),
        password: Some(Secret::new("lovelace")),
        peer_host: "10.1.2.3".to_owned(),
        peer_port: 50_123,
        cert_common_name: "ada".to_owned(),
        client_attrs: [("tns", "acme"), ("level", "3"), ("none", "")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..Credentials::default()
    }
}

fn holds(text: &str) -> Result<bool, Trouble> {
    let compiled = Precondition::compile(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    compiled.holds(&ada())
}

#[track_caller]
fn assert_all(expected: bool, texts: &[&str]) {
    for text in texts {
        assert_eq!(holds(text), Ok(expected), "{text}");
    }
}

#[track_caller]
fn assert_fails(texts: &[(&str, &str)]) {
    for (text, why) in texts {
        let trouble = holds(text).expect_err(text).to_string();
        assert!(trouble.contains(why), "{text}: {trouble}");
    }
}

fn refusal(text: &str) -> String {
    Precondition::compile(text).expect_err(text).to_string()
}

#[test]
fn cel_means_what_it_means_elsewhere() {
    assert_all(
        true,
        &[
            "listener == 'tcp:default' && username.startsWith(\"Ada\")",
            "username.endsWith('tenant-a') && username.contains('@') && !username.contains('#')",
            "username.matches(r'^\\w+@tenant-[a-z]$') || false",
            "peer_port > 1024 && peer_port < 65536u && peer_port == 50123 && peer_port != 1.5",
            "peer_host == '10.1.2.3' && peer_host < '11'",
            "size(username) == 12 && username.size() == 12 && size(client_attrs) == 3 && size('é') == 1",
            "zone == '' && cert_subject == \"\" && auth_method == ''",
            "'tns' in client_attrs && !('x' in client_attrs) && zone in ['', 'eu'] && !(1 in [2, 3])",
            "client_attrs.tns == 'acme' && client_attrs['tns'] == 'acme'",
            "has(client_attrs.tns) && !has(client_attrs.other)",
            "peer_port > 1024 ? listener == 'tcp:default' : false",
            "2 + 3 * 4 == 14 && (2 + 3) * 4 == 20 && 7 / 2 == 3 && 7 % 2 == 1 && -3 < 0 && 7.0 / 2.0 == 3.5",
            "'a' + 'b' == 'ab' && [1] + [2] == [1, 2] && 1 == 1.0 && 1 != 'x' && null == null",
            "9007199254740993 != 9007199254740992.0 && 9007199254740993 > 9007199254740992.0 && 1 < 1.5 && -1 > -1.5",
            "[3, 1, 2][1] == 1 && string(7) == '7' && int('7') + 1 == 8 && double('1.5') == 1.5 && bool('true')",
            "int(3.9) == 3 && string(true) == 'true' && string(1.0) == '1.0'",
            "false || (username == 'x' ? false : true)",
        ],
    );
    assert_all(
        false,
        &["false", "!true", "username == 'ada'", "1 in []", "1 == 2 || 'a' < 'A'"],
    );
}

#[test]
fn a_side_that_decides_makes_the_error_of_the_other_irrelevant() {
    assert_all(
        true,
        &["client_attrs.x == 'a' || true", "true || client_attrs.x == 'a'"],
    );
    assert_all(false, &["client_attrs.x == 'a' && false", "1 / 0 == 1 && false"]);
    assert_fails(&[
        ("client_attrs.x == 'a' || false", "`client_attrs.x` is not there"),
        ("true && client_attrs.x == 'a'", "`client_attrs.x` is not there"),
        ("'a' && true", "`&&` needs true or false"),
    ]);
}

#[test]
fn loops_walk_over_lists_and_keys() {
    assert_all(
        true,
        &[
            "tokens(client_id, '-').exists(part, part == 'dev')",
            "['Ada', 'Bob'].exists(name, username.startsWith(name))",
            "tokens(client_id, '-').all(part, size(part) < 4)",
            "[1, 2, 3].exists_one(n, n > 2) && ![1, 2].exists_one(n, n > 0)",
            "[1, 2, 3].filter(n, n > 1) == [2, 3] && [1, 2].map(n, n * 2) == [2, 4]",
            "[1, 2, 3].map(n, n > 1, n * n) == [4, 9] && [].all(n, false) && ![].exists(n, true)",
            "client_attrs.exists(key, key == 'tns' && client_attrs[key] == 'acme')",
            "[1, 0].exists(n, 1 / n == 1) && [0, 1].exists(n, 1 / n == 1)",
            "['a'].exists(username, username == 'a') && username != 'a'",
        ],
    );
    assert_fails(&[
        ("[0, 2].exists(n, 1 / n == 1)", "divided by zero"),
        ("username.all(c, true)", "cannot walk over a text"),
    ]);
    assert!(refusal("[1].all(a, [2].all(b, a < b))").contains("a loop cannot stand in a loop"));
    assert!(refusal("[1].all(a.b, true)").contains("takes a name first"));
    assert!(refusal("[1].all(a, true) && a == 1").contains("no variable `a`"));
}

#[test]
fn emqx_expressions_can_be_pasted() {
    assert_all(
        true,
        &[
            "str_eq(listener,'tcp:default')",
            "str_eq(nth(1,tokens(clientid,'-')),'v1')",
            "regex_match(peerhost, '^10\\.1\\.\\d+\\.\\d+$')",
            "str_eq(concat([clientid, '/', peerport]), 'v1-dev-7/50123')",
            "iif(is_empty(client_attrs.other), 'true', 'false')",
            "iif(client_attrs.other, false, true)",
            "iif(str_eq(zone, ''), str_neq(username, ''), 'false')",
            "str_eq(coalesce(client_attrs.other, client_attrs.none, client_attrs.tns), 'acme')",
            "str_eq(coalesce([client_attrs.other, 'x']), 'x')",
            "str_eq(coalesce(regex_extract(username, '@(.*)$')), 'tenant-a')",
            "str_eq(coalesce(client_attrs.other), '')",
            "num_gt(peerport, 1024)",
            "is_empty(zone)",
            "any_to_str(true)",
        ],
    );
    assert_all(
        false,
        &[
            "str_eq(username,'')",
            "str_eq(listener,'ssl:default')",
            "is_empty(username)",
            "username",
            "zone",
            "not('true')",
            "concat('tr', 'ues')",
        ],
    );
    // Only what is not there is passed over.
    assert_fails(&[
        ("str_eq(client_attrs.other, 'x')", "`client_attrs.other` is not there"),
        (
            "coalesce(lower(1), 'true')",
            "lower() needs a text as argument 1 and got a number",
        ),
        (
            "iif(true, client_attrs.other, 'x')",
            "`client_attrs.other` is not there",
        ),
    ]);
}

#[test]
fn every_function_of_emqx_means_what_it_means_there() {
    assert_all(
        true,
        &[
            "str_comp('a', 'b') == 'lt' && str_comp(2, '2') == 'eq' && str_comp('b', 'a') == 'gt'",
            "str_neq('a', 'b') && str_lt('a', 'b') && str_lte('a', 'a') && str_gt('b', 'a') && str_gte('b', 'b')",
            "num_comp(1, 2) == 'lt' && num_eq(1, 1.0) && num_neq(1, 2) && num_lt(1, 2) && num_lte(2, 2) && num_gt(2, 1) && num_gte(2, 2)",
            "lower('ÄB') == 'äb' && upper('äb') == 'ÄB' && reverse('añb') == 'bña' && strlen('añb') == 3",
            "trim('  a ') == 'a' && ltrim(' a ') == 'a ' && rtrim(' a ') == ' a'",
            "trim('xyaxy', 'yx') == 'a' && ltrim('xxax', 'x') == 'ax' && rtrim('xxax', 'x') == 'xxa'",
            "substr('añbc', 1) == 'ñbc' && substr('añbc', 1, 2) == 'ñb' && substr('a', 5) == ''",
            "split('a,,b', ',') == ['a', 'b'] && split('a,,b', ',', 'notrim') == ['a', '', 'b']",
            "split('a,b,c', ',', 'leading') == ['a', 'b,c'] && split('a,b,c', ',', 'trailing') == ['a,b', 'c']",
            "split(',b', ',', 'leading') == ['b'] && split(',b', ',', 'leading_notrim') == ['', 'b'] && split('a', '') == ['a']",
            "tokens('a-_b', '_-') == ['a', 'b'] && tokens('a\\nb', 'x', 'nocrlf') == ['a', 'b']",
            "nth(2, ['a', 'b']) == 'b' && nth('1', ['a']) == 'a' && nth(3, ['a']) == ''",
            "concat('a', 1) == 'a1' && concat(['a', true]) == 'atrue' && concat('a', 'b', 'c') == 'abc'",
            "join_to_string(['a', 1]) == 'a, 1' && join_to_string('-', ['a', 'b']) == 'a-b'",
            "replace('a.b.c', '.', '-') == 'a-b-c' && replace('a.b.c', '.', '-', 'leading') == 'a-b.c'",
            "replace('a.b.c', '.', '-', 'trailing') == 'a.b-c' && replace('a', '', 'x') == 'a'",
            "regex_match('a1', '[0-9]') && !regex_match('a', '[0-9]') && regex_replace('a1b2', '[0-9]', '<&>') == 'a<1>b<2>'",
            "regex_extract('2021-05', '(\\d+)-(\\d+)') == ['2021', '05'] && regex_extract('x', '(\\d)') == []",
            "find('eeabcabcee', 'abc') == 'abcabcee' && find('eeabcabcee', 'abc', 'trailing') == 'abcee' && find('a', 'x') == ''",
            "pad('a', 3) == 'a  ' && pad('a', 3, 'leading', '0') == '00a' && pad('a', 4, 'both', '-') == '-a--' && pad('abc', 1) == 'abc'",
            "rm_prefix('a/b', 'a/') == 'b' && rm_prefix('b', 'a/') == 'b' && ascii('A') == 65",
            "unescape(r'a\\n\\x41') == 'a\\nA' && is_empty_val([]) && is_empty_val('') && !is_empty_val(0)",
            "bin2hexstr('az') == '617A' && hexstr2bin('617a') == 'az' && int2hexstr(255) == 'FF' && int2hexstr(-15) == '-F'",
            "base64_encode('a?>') == 'YT8+' && base64_encode('a?>', 'urlsafe') == 'YT8-' && base64_encode('a', 'no_padding') == 'YQ'",
            "base64_decode('YQ==') == 'a' && base64_decode('YT8-', 'urlsafe') == 'a?>' && base64_decode('YQ', 'no_padding', 'urlsafe') == 'a'",
            "topic_match('a/b', 'a/+') && topic_match('a', 'a/#') && topic_match('a/b/c', '#') && !topic_match('a/b', '+') && !topic_match('$SYS/a', '#')",
            "topic_join(['a', 1]) == 'a/1' && topic_join('a', 'b') == 'a/b' && topic_join('a/', 'b') == 'a/b' && topic_split('a//b') == ['a', '', 'b']",
            "map_to_range('a', 0, 9) == 7 && map_to_range(12, 1, 5) == 3 && map_to_range('ab', 0, 99) == 30",
            "json_value('{\"a\": {\"b\": [1, \"x\"]}}', 'a.b') == [1, 'x'] && json_value('{}', 'a') == null && json_value('no', 'a') == null",
            "jwt_value('e30.eyJzdWIiOiJhZGEifQ.c2ln', 'sub') == 'ada'",
            "not(false) && not('false') == 'true'",
        ],
    );
    assert_fails(&[
        ("nth(0, ['a'])", "nth() counts from 1"),
        ("nth('x', ['a'])", "nth() needs a number"),
        ("num_eq('1', 1)", "num_eq() needs a number as argument 1 and got a text"),
        (
            "str_eq([1], 'a')",
            "str_eq() needs a text or a number as argument 1 and got a list",
        ),
        ("substr('a', -1)", "0 or more"),
        ("hexstr2bin('zz') == ''", "hexadecimal"),
        ("hexstr2bin('ff') == ''", "no text"),
        ("base64_decode('YQ') == ''", "base64"),
        ("unescape(r'\\q') == ''", "escape"),
        ("topic_join('', 'a') == ''", "not empty"),
        ("map_to_range('', 1, 2) == 1", "not empty"),
        ("map_to_range(1, 2, 1) == 1", "lower bound"),
        ("jwt_value('a.b', 'sub')", "three parts"),
        ("pad('a', 3, 'up') == ''", "`both`"),
        ("not('x')", "true or false"),
    ]);
}

#[test]
fn what_is_neither_true_nor_false_is_an_error() {
    assert_fails(&[
        ("1", "gives a number"),
        ("[true]", "gives a list"),
        ("client_attrs", "gives a map"),
        ("null", "gives null"),
        ("1 < 'a'", "`<` cannot take a number and a text"),
        ("1 + 'a' == 2", "`+` cannot take"),
        ("9223372036854775807 + 1 > 0", "out of range"),
        ("1 / 0 == 1", "divided by zero"),
        ("1.5 % 2.0 == 1.0", "whole numbers"),
        ("!username", "`!` needs true or false"),
        ("username ? true : false", "`?` needs true or false"),
        ("[1][1] == 1", "outside of its list"),
        ("username[0] == 'A'", "a text has nothing under a number"),
        ("has(client_attrs.tns.x)", "a text has no fields"),
    ]);
}

#[test]
fn what_is_wrong_without_a_client_is_refused_with_its_place() {
    for (text, fault) in [
        ("usrname == 'a'", "line 1, column 1: there is no variable `usrname`"),
        (
            "true &&\n  pasword == 'a'",
            "line 2, column 3: there is no variable `pasword`",
        ),
        ("password == 'a'", "line 1, column 1: `password` is a secret"),
        ("str_eq(auth_data, 'a')", "line 1, column 8: `auth_data` is a secret"),
        ("cn == 'a'", "`cert_common_name`"),
        (
            "str_equals(username, 'a')",
            "line 1, column 11: there is no function `str_equals`",
        ),
        ("str_eq(username)", "`str_eq` takes 2 arguments, not 1"),
        ("substr(username)", "`substr` takes 2 to 3 arguments, not 1"),
        ("concat()", "`concat` takes at least 1 arguments, not 0"),
        ("coalesce()", "at least one"),
        ("iif(true, 'a')", "`iif` takes 3 arguments, not 2"),
        ("getenv('HOME')", "`getenv` is not available"),
        ("timestamp_s() > 3", "`timestamp_s` is not available"),
        ("rand_int(3) == 1", "`rand_int` is not available"),
        ("username.lower() == 'a'", "`lower` is called as `lower(…)`"),
        (
            "startsWith(username, 'a')",
            "`startsWith` is called as `x.startsWith(…)`",
        ),
        ("username.name == 'a'", "has no fields"),
        ("has(username)", "`has` takes one field"),
        (
            "regex_match(username, '(')",
            "line 1, column 23: the pattern cannot be read: unclosed group",
        ),
        ("regex_match(username, zone)", "must be a literal"),
        ("username.matches('(a{1000}){1000}')", "too big"),
        ("{'a': 1}['a'] == 1", "maps cannot be written"),
        ("b'a' == b'a'", "bytes cannot be written"),
        ("'é' == usrname", "line 1, column 8: "),
        ("username == 'a' and true", "line 1, column 17: "),
    ] {
        let found = refusal(text);
        assert!(found.contains(fault), "{text}: {found}");
    }
    let deep = format!("{}true{}", "!(".repeat(30), ")".repeat(30));
    assert_eq!(holds(&deep), Ok(true));
    assert!(refusal(&format!("1{} == 1", "+1".repeat(80))).contains("nests deeper than 64"));
}

/// Expressions that would do far more than a login is worth for a client with a long name.
fn hostile() -> Vec<String> {
    let doubling = (0..25).fold("username".to_owned(), |inner, _| format!("replace({inner}, 'a', 'aa')"));
    let ten = "['0','1','2','3','4','5','6','7','8','9']";
    vec![
        format!("{doubling} == ''"),
        format!("true && {doubling} == ''"),
        "pad('a', 9000000000) == ''".to_owned(),
        "pad('a', 60000, 'both', 'aaaaaaaaaa') == ''".to_owned(),
        "split(username, 'a', 'notrim').all(t, true)".to_owned(),
        "topic_split(replace(username, 'a', '/')).all(t, true)".to_owned(),
        "regex_match(username, '^(a|aa|aaa){1,60}$')".to_owned(),
        "regex_match(username, '(?:a?){60}a{60}')".to_owned(),
        "regex_replace(username, '', username) == ''".to_owned(),
        "regex_replace(username, 'a*[^a]|a', 'b') == ''".to_owned(),
        "regex_extract(username, '(a*)*(a*)*(a*)*$') == []".to_owned(),
        format!("{ten}.map(n, username + n) == []"),
        format!("{ten}.all(n, replace(username, 'a', username) != n)"),
        format!("{ten}.map(n, {ten}) + {ten}.map(n, username) == []"),
        "jwt_value(concat('a.', username, '.b'), 'a') == null && jwt_value(concat('a.', username, '.b'), 'b') == null"
            .to_owned(),
        vec!["trim(username, username) != username"; 20].join(" && "),
        vec!["username"; 50].join(" + ") + " == ''",
    ]
}

#[test]
fn hostile_expressions_are_stopped_by_steps_and_not_by_a_clock() {
    let client = Credentials {
        username: "a".repeat(60_000),
        ..ada()
    };
    for text in hostile() {
        let compiled = Precondition::compile(&text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        let runs = [(); 2].map(|()| {
            let budget = Budget::new();
            (compiled.holds_within(&client, &budget), budget.spent())
        });
        assert_eq!(runs[0], runs[1], "{text}");
        assert!(matches!(runs[0], (Err(Trouble::TooMuch(_)), _)), "{text}: {runs:?}");
    }
}

#[test]
fn usual_expressions_take_a_small_part_of_their_steps() {
    for text in [
        "str_eq(listener,'tcp:default')",
        "listener == 'tcp:default' && username.startsWith('Ada') && peer_port > 1024",
        "regex_match(username, '^[a-zA-Z0-9_.-]{1,32}@tenant-[a-z]+$')",
        "tokens(client_id, '-').exists(part, part == 'dev') && client_attrs.tns == 'acme'",
    ] {
        let budget = Budget::new();
        let outcome = Precondition::compile(text).unwrap().holds_within(&ada(), &budget);
        assert_eq!(outcome, Ok(true), "{text}");
        assert!(budget.spent() < MOST_STEPS / 50, "{text}: {}", budget.spent());
    }
}

#[test]
fn a_bound_that_is_reached_is_passed_over_by_nothing() {
    let client = Credentials {
        username: "a".repeat(60_000),
        ..ada()
    };
    let blow_up = "replace(username, 'a', 'aaaa')";
    for text in [
        format!("size({blow_up}) > 1 || true"),
        format!("size({blow_up}) > 1 && false"),
        format!("coalesce({blow_up}, 'true')"),
        format!("iif({blow_up}, 'true', 'true')"),
        format!("is_empty({blow_up})"),
        format!("[1, 2].exists(n, n == 2 || size({blow_up}) > 1)"),
    ] {
        let outcome = Precondition::compile(&text).unwrap().holds(&client);
        assert!(matches!(outcome, Err(Trouble::TooMuch(_))), "{text}: {outcome:?}");
    }
}

#[test]
fn a_client_that_presents_too_much_is_not_looked_at() {
    let client = Credentials {
        username: "a".repeat(70_000),
        ..ada()
    };
    let holds = |text: &str| Precondition::compile(text).unwrap().holds(&client);
    assert!(matches!(holds("username == 'a'"), Err(Trouble::TooMuch(_))));
    assert_eq!(holds("client_id == 'v1-dev-7'"), Ok(true));
}

#[test]
fn an_error_never_shows_a_value() {
    let trouble = holds("int(username) == 1 || client_attrs[username] == '' || username < 1").unwrap_err();
    assert!(!trouble.to_string().contains("tenant"), "{trouble}");
}

/// Pieces that are likely to be put together to something that parses.
fn piece() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "username",
        "client_attrs",
        ".tns",
        "peer_port",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        "?",
        ":",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        " == ",
        " < ",
        " && ",
        " || ",
        " in ",
        "'x'",
        "\"y\"",
        "'\\d'",
        "'\\",
        "r'",
        "1",
        "1u",
        "0x",
        "1e9",
        "true",
        "null",
        "has(",
        ".exists(x, ",
        ".map(",
        "str_eq(",
        "nth(",
        "tokens(",
        "coalesce(",
        "regex_match(",
        "concat(",
        "\n",
        "é",
        "//",
        "'''",
        "`",
    ]);
    prop_oneof![9 => known.prop_map(str::to_owned), 1 => any::<String>(), 1 => Just(" ".to_owned())]
}

proptest! {
    #[test]
    fn no_text_makes_compiling_or_evaluating_panic(text in any::<String>(), pieces in prop::collection::vec(piece(), 0..40)) {
        for text in [text, pieces.concat()] {
            if let Ok(compiled) = Precondition::compile(&text) {
                let _outcome = compiled.holds(&ada());
            }
        }
    }

    #[test]
    fn any_text_can_be_compared_with_itself_as_a_raw_literal(text in "[^'\r]{0,40}") {
        let client = Credentials { username: text.clone(), ..ada() };
        if !text.contains('\n') {
            let compiled = Precondition::compile(&format!("username == r'{text}'")).unwrap();
            assert_eq!(compiled.holds(&client), Ok(true));
        }
    }
}
