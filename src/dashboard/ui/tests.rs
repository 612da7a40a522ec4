//! Every component as it is drawn, to the letter: whoever changes one sees what changes with it.

use super::{
    Faults, Field, Tile, Tone, area, check, empty, hidden, link, link_unless, node_count, radios, select, tiles,
};
use maud::html;

#[test]
fn links_and_hidden_fields() {
    assert_eq!(
        link("/a?b=c&d", "Go").into_string(),
        "<a class=\"button\" href=\"/a?b=c&amp;d\">Go</a>"
    );
    assert_eq!(
        link_unless("/a", "Go", Some("Not you.")).into_string(),
        "<a class=\"button\" role=\"link\" aria-disabled=\"true\" title=\"Not you.\">Go</a>"
    );
    assert_eq!(
        hidden("revision", "4").into_string(),
        "<input type=\"hidden\" name=\"revision\" value=\"4\">"
    );
}

#[test]
fn a_list_of_choices() {
    let shown = select(Field::new("way", "Way").value("b"), &[("a", "First"), ("b", "Second")]).into_string();
    assert_eq!(
        shown,
        "<div class=\"field\"><label for=\"f-way\">Way</label><select id=\"f-way\" name=\"way\">\
         <option value=\"a\">First</option><option value=\"b\" selected>Second</option></select></div>"
    );
}

#[test]
fn choices_that_are_all_to_be_seen() {
    let shown = radios(
        Field::new("theme", "Theme").value("dark"),
        &[("light", "Light"), ("dark", "Dark")],
    )
    .into_string();
    assert_eq!(
        shown,
        "<fieldset id=\"f-theme\"><legend>Theme</legend>\
         <div class=\"field check\"><input type=\"radio\" id=\"f-theme-0\" name=\"theme\" value=\"light\"><label for=\"f-theme-0\">Light</label></div>\
         <div class=\"field check\"><input type=\"radio\" id=\"f-theme-1\" name=\"theme\" value=\"dark\" checked><label for=\"f-theme-1\">Dark</label></div>\
         </fieldset>"
    );
}

#[test]
fn yes_or_no_with_its_help() {
    let shown = check(Field::new("disabled", "Disabled").help("It cannot log in."), true).into_string();
    assert_eq!(
        shown,
        "<div class=\"field check\"><input type=\"checkbox\" id=\"f-disabled\" name=\"disabled\" checked aria-describedby=\"f-disabled-help\">\
         <label for=\"f-disabled\">Disabled</label><div class=\"help\" id=\"f-disabled-help\">It cannot log in.</div></div>"
    );
}

#[test]
fn several_lines_with_a_fault() {
    let faults = Faults::one("query", "is required");
    let shown = area(
        Field::new("query", "Query")
            .value("SELECT 1")
            .required()
            .faults(&faults),
    )
    .into_string();
    assert_eq!(
        shown,
        "<div class=\"field\"><label for=\"f-query\">Query<span class=\"muted\"> (required)</span></label>\
         <textarea id=\"f-query\" name=\"query\" spellcheck=\"false\" autocapitalize=\"none\" required aria-invalid=\"true\" \
         aria-describedby=\"f-query-error\">\nSELECT 1</textarea><div class=\"error\" id=\"f-query-error\">✕ is required</div></div>"
    );
}

#[test]
fn tiles_say_in_words_and_shape_what_their_colour_says() {
    let shown = tiles(
        "t",
        &[
            Tile::new("Errors", "3", "1 %").tone(Tone::Warn),
            Tile::new("Rate", "0/s", ""),
        ],
    )
    .into_string();
    assert_eq!(
        shown,
        "<dl class=\"tiles\" id=\"t\"><div class=\"warn\"><dt>Errors</dt><dd><span aria-hidden=\"true\">▲ </span>3</dd>\
         <dd class=\"note\">1 %</dd></div><div><dt>Rate</dt><dd>0/s</dd></div></dl>"
    );
}

#[test]
fn what_is_said_when_there_is_nothing() {
    let shown = empty("No users yet", "Add one.", &html! { a href="/new" { "Add" } }).into_string();
    assert_eq!(
        shown,
        "<div class=\"empty stack\"><h2>No users yet</h2><p>Add one.</p><div><a href=\"/new\">Add</a></div></div>"
    );
    assert_eq!(
        (node_count(1, 1), node_count(2, 3)),
        ("1 of 1 node".into(), "2 of 3 nodes".into())
    );
}

/// The colours of the style sheet, light and dark: `--name: light-dark(#…, #…)`.
fn tokens() -> Vec<(String, [[f64; 3]; 2])> {
    let sheet = include_str!("../assets/portcullis.css");
    let pairs = sheet.lines().filter_map(|line| {
        let (name, value) = line.trim().strip_prefix("--")?.split_once(": light-dark(")?;
        let (light, dark) = value.strip_suffix(");")?.split_once(", ")?;
        Some((name.to_owned(), [rgb(light), rgb(dark)]))
    });
    pairs.collect()
}

fn rgb(hex: &str) -> [f64; 3] {
    let digits = hex.trim_start_matches('#');
    let wide: String = if digits.len() == 3 {
        digits.chars().flat_map(|digit| [digit, digit]).collect()
    } else {
        digits.to_owned()
    };
    [0, 2, 4].map(|at| f64::from(u8::from_str_radix(&wide[at..at + 2], 16).unwrap()) / 255.0)
}

/// Relative luminance and contrast as WCAG 2.2 defines them.
fn luminance(colour: [f64; 3]) -> f64 {
    let [red, green, blue] = colour.map(|part| {
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

fn contrast(one: [f64; 3], other: [f64; 3]) -> f64 {
    let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
    one.max(other) / one.min(other)
}

#[test]
fn every_pair_of_colours_can_be_told_apart() {
    let tokens = tokens();
    let colour = |name: &str| tokens.iter().find(|(other, _)| other == name).unwrap().1;
    let text = [
        ("text", "bg"),
        ("text", "surface"),
        ("text", "surface-2"),
        ("muted", "bg"),
        ("muted", "surface"),
        ("accent", "surface"),
        ("accent", "bg"),
        ("accent", "accent-wash"),
        ("accent-ink", "accent"),
        ("ok", "ok-wash"),
        ("warn", "warn-wash"),
        ("down", "down-wash"),
        ("down", "surface"),
        ("off", "off-wash"),
        ("text", "ok-wash"),
        ("text", "warn-wash"),
        ("text", "down-wash"),
    ];
    let shapes = [("line-strong", "surface"), ("focus", "surface"), ("focus", "bg")];
    for (theme, name) in ["light", "dark"].iter().enumerate() {
        for (least, pairs) in [(4.5, &text[..]), (3.0, &shapes[..])] {
            for (front, back) in pairs {
                let found = contrast(colour(front)[theme], colour(back)[theme]);
                assert!(
                    found >= least,
                    "{front} on {back}, {name}: {found:.2}, at least {least}"
                );
            }
        }
    }
    assert!((contrast([0.0; 3], [1.0; 3]) - 21.0).abs() < 0.01);
}
