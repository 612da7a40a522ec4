//! A chart of rates over time, drawn as SVG, with its twin as a table.

use maud::{Markup, html};

use super::format;
use super::history::Point;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;
/// Room for the numbers at the left and under the line.
const LEFT: f64 = 48.0;
const BELOW: f64 = 20.0;
const ABOVE: f64 = 8.0;
/// Rows of the table; the points between are averaged.
const ROWS: usize = 12;

/// The chart and its table.
pub(super) fn rates(points: &[Point]) -> Markup {
    if points.len() < 2 {
        return html! { p.muted { "The chart begins once this node has watched for half a minute." } };
    }
    let top = points.iter().map(|point| point.total).fold(1.0, f64::max);
    let line = |value: fn(&Point) -> f64| {
        let places = points
            .iter()
            .enumerate()
            .map(|(at, point)| place(at, points.len(), value(point), top));
        places.collect::<Vec<_>>().join(" ")
    };
    let (all, bad) = (line(|point| point.total), line(|point| point.bad));
    let (base, right) = (HEIGHT - BELOW, WIDTH);
    html! {
        svg.chart viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label="Decisions per second; the table below has the same figures" {
            line.axis x1=(LEFT) y1=(base) x2=(right) y2=(base) {}
            line.axis x1=(LEFT) y1=(ABOVE) x2=(right) y2=(ABOVE) {}
            text x="0" y=(ABOVE + 4.0) { (format::rate(top)) }
            text x="0" y=(base) { "0/s" }
            polygon.area points={ (LEFT) "," (base) " " (all) " " (right) "," (base) } {}
            polyline.line points=(all) {}
            polyline.bad points=(bad) {}
            text x=(LEFT) y=(HEIGHT - 4.0) { (ago(points, 0)) }
            text x=(right) y=(HEIGHT - 4.0) text-anchor="end" { "now" }
        }
        p.small.muted { "Solid: all decisions. Dashed: denied or not decided." }
        details {
            summary { "Show as a table" }
            div.scroll tabindex="0" role="region" aria-label="Decisions per second" {
                table.data {
                    thead { tr { th scope="col" { "Until" } th.num scope="col" { "All" } th.num scope="col" { "Denied or not decided" } } }
                    tbody { @for row in rows(points) { tr { td { (format::exact(row.at)) } td.num { (format::rate(row.total)) } td.num { (format::rate(row.bad)) } } } }
                }
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a chart has a few hundred points")]
fn place(at: usize, of: usize, value: f64, top: f64) -> String {
    let x = LEFT + (WIDTH - LEFT) * at as f64 / (of.saturating_sub(1).max(1)) as f64;
    let y = (HEIGHT - BELOW) - (HEIGHT - BELOW - ABOVE) * (value / top);
    format!("{x:.1},{y:.1}")
}

fn ago(points: &[Point], at: usize) -> String {
    let (Some(first), Some(last)) = (points.get(at), points.last()) else {
        return String::new();
    };
    let span = std::time::Duration::from_millis(last.at.0.saturating_sub(first.at.0));
    format!("{} ago", format::span(span))
}

#[expect(clippy::cast_precision_loss, reason = "a chart has a few hundred points")]
fn rows(points: &[Point]) -> Vec<Point> {
    let size = points.len().div_ceil(ROWS).max(1);
    let mean = |part: &[Point], value: fn(&Point) -> f64| part.iter().map(value).sum::<f64>() / part.len() as f64;
    let row = |part: &[Point]| {
        part.last().map(|last| Point {
            at: last.at,
            total: mean(part, |point| point.total),
            bad: mean(part, |point| point.bad),
        })
    };
    points.chunks(size).filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::{Point, ROWS, rates, rows};
    use crate::auth::Timestamp;

    fn points(many: u64) -> Vec<Point> {
        let point = |at: u64| Point {
            at: Timestamp(at * 10_000),
            total: 4.0,
            bad: 1.0,
        };
        (0..many).map(point).collect()
    }

    #[test]
    fn a_chart_has_a_table_with_the_same_figures() {
        let shown = rates(&points(360)).into_string();
        assert!(
            shown.contains("<polyline class=\"line\"") && shown.contains("4.0/s"),
            "{shown}"
        );
        assert!(!shown.contains("style="), "styles in the page are not allowed");
        assert!(rows(&points(360)).len() <= ROWS);
    }

    #[test]
    fn too_few_points_make_no_chart() {
        assert!(rates(&points(1)).into_string().contains("begins once"));
    }
}
