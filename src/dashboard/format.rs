//! Numbers, times and durations as people read them.

use std::time::Duration;

use jiff::Timestamp as Moment;
use maud::{Markup, html};

use crate::auth::Timestamp;

/// A figure of this age is missed: its node should have told a newer one.
const MISSED: Duration = Duration::from_secs(3);

/// A count with its thousands apart: `1,204,118`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 user`, `2 users`.
pub(super) fn counted(number: u64, what: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {what}{plural}", count(number))
}

/// Per second: `0.4/s`, `53/s`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 0.05 {
        "0/s".to_owned()
    } else if per_second < 100.0 {
        format!("{per_second:.1}/s")
    } else {
        format!("{per_second:.0}/s")
    }
}

/// How long something took: `0.31 ms`, `12 ms`, `1.2 s`.
pub(super) fn took(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    match millis {
        0.0 => "–".to_owned(),
        m if m < 10.0 => format!("{m:.2} ms"),
        m if m < 1000.0 => format!("{m:.0} ms"),
        m => format!("{:.1} s", m / 1e3),
    }
}

/// How long ago or how long something lasts: `9 s`, `4 min`, `3 h`, `2 d`.
pub(super) fn span(time: Duration) -> String {
    match time.as_secs() {
        s if s < 60 => format!("{s} s"),
        s if s < 3600 => format!("{} min", s / 60),
        s if s < 48 * 3600 => format!("{} h", s / 3600),
        s => format!("{} d", s / 86_400),
    }
}

/// How long something lasts, as forms take it back: `500ms`, `90s`, `5m`, `12h`.
pub(super) fn duration(time: Duration) -> String {
    match (time.as_secs(), time.subsec_millis()) {
        (secs, 0) if secs >= 3600 && secs % 3600 == 0 => format!("{}h", secs / 3600),
        (secs, 0) if secs >= 60 && secs % 60 == 0 => format!("{}m", secs / 60),
        (secs, 0) => format!("{secs}s"),
        _ => format!("{}ms", time.as_millis()),
    }
}

/// Bytes: `412 KiB`.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut text = format!("{number} B");
    let mut left = number;
    for unit in UNITS {
        if left < 1024 {
            break;
        }
        let tenths = left % 1024 * 10 / 1024;
        left /= 1024;
        text = if left < 10 {
            format!("{left}.{tenths} {unit}")
        } else {
            format!("{left} {unit}")
        };
    }
    text
}

/// The exact time, in UTC.
pub(super) fn exact(at: Timestamp) -> String {
    let moment = i64::try_from(at.0)
        .ok()
        .and_then(|millis| Moment::from_millisecond(millis).ok());
    moment.map_or_else(String::new, |moment| {
        moment.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
    })
}

/// The exact time as machines read it.
pub(super) fn machine(at: Timestamp) -> String {
    let moment = i64::try_from(at.0)
        .ok()
        .and_then(|millis| Moment::from_millisecond(millis).ok());
    moment.map_or_else(String::new, |moment| moment.to_string())
}

/// A moment as its distance from now, with the exact one behind it.
pub(super) fn ago(now: Timestamp, at: Timestamp) -> Markup {
    let distance = |from: u64, to: u64| span(Duration::from_millis(to - from));
    let text = if at.0 <= now.0 {
        format!("{} ago", distance(at.0, now.0))
    } else {
        format!("in {}", distance(now.0, at.0))
    };
    html! { time datetime=(machine(at)) title=(exact(at)) { (text) } }
}

/// How long something has been so: `for 4 min`.
pub(super) fn lasting(now: Timestamp, since: Timestamp) -> Markup {
    html! { time datetime=(machine(since)) title=(exact(since)) { "for " (in_minutes(now, since)) } }
}

/// When something was last so: `4 min ago`.
pub(super) fn lately(now: Timestamp, at: Timestamp) -> Markup {
    html! { time datetime=(machine(at)) title=(exact(at)) { (in_minutes(now, at)) " ago" } }
}

/// To the minute, where a text that changes every second would be no news.
fn in_minutes(now: Timestamp, at: Timestamp) -> String {
    to_the_minute(Duration::from_millis(now.0.saturating_sub(at.0)))
}

/// The same of how long something lasts.
pub(super) fn to_the_minute(time: Duration) -> String {
    match time {
        time if time < Duration::from_secs(60) => "less than a minute".to_owned(),
        time => span(time),
    }
}

/// How old a figure is that is told anew every second.
pub(super) fn age(age: Duration) -> String {
    if age < MISSED { "now".to_owned() } else { span(age) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{ago, bytes, count, counted, duration, rate, span, took};
    use crate::auth::Timestamp;

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in ["5m", "90s", "12h", "250ms"] {
            assert_eq!(duration(crate::words::duration(text).unwrap()), text);
        }
        assert_eq!(duration(Duration::from_secs(300)), "5m");
    }

    #[test]
    fn numbers_are_easy_to_read() {
        assert_eq!((count(7).as_str(), count(1_204_118).as_str()), ("7", "1,204,118"));
        assert_eq!(
            (counted(1, "user"), counted(1000, "user")),
            ("1 user".into(), "1,000 users".into())
        );
        assert_eq!(
            (rate(0.0), rate(53.21), rate(1520.4)),
            ("0/s".into(), "53.2/s".into(), "1520/s".into())
        );
        assert_eq!(
            (bytes(812), bytes(1536), bytes(422_000)),
            ("812 B".into(), "1.5 KiB".into(), "412 KiB".into())
        );
    }

    #[test]
    fn times_are_short() {
        assert_eq!(took(Duration::from_micros(310)), "0.31 ms");
        assert_eq!(took(Duration::from_millis(1234)), "1.2 s");
        assert_eq!(span(Duration::from_secs(7200)), "2 h");
    }

    #[test]
    fn a_moment_carries_its_exact_time() {
        let shown = ago(Timestamp(1_700_000_120_000), Timestamp(1_700_000_000_000)).into_string();
        assert!(
            shown.contains("2 min ago") && shown.contains("2023-11-14 22:13:20 UTC"),
            "{shown}"
        );
        assert!(ago(Timestamp(0), Timestamp(60_000)).into_string().contains("in 1 min"));
    }
}
