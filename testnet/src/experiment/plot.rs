//! Plots as SVG: points with the intervals of their means, one line a series. Pure; colours come from the page.

use super::stats::Estimate;

/// Of the whole picture, in its own units.
const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 300.0;
/// Room for what is written beside, above and below the plot.
const LEFT: f64 = 62.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 28.0;
const BOTTOM: f64 = 46.0;
/// Half of the line at each end of an interval.
const WHISKER: f64 = 5.0;
/// Series are drawn this far from each other, so that their intervals do not cover each other.
const APART: f64 = 10.0;
/// Colours that the page has.
const COLOURS: usize = 6;

/// One line of a plot.
#[derive(Clone, Debug)]
pub struct Series {
    /// As in the legend.
    pub name: String,
    /// Each with its place on the axis.
    pub points: Vec<(String, Estimate)>,
}

/// The content of a plot.
#[derive(Clone, Debug)]
pub struct Plot {
    /// Below the axis.
    pub across: String,
    /// Above the other.
    pub up: String,
    /// The lines; all have the same places.
    pub series: Vec<Series>,
}

impl Plot {
    /// The picture, with its own title for people who cannot see it.
    pub fn svg(&self) -> String {
        let places: Vec<_> = self
            .series
            .first()
            .map(|series| series.points.iter().map(|(label, _)| label))
            .into_iter()
            .flatten()
            .collect();
        let top = self.top();
        let mut svg = vec![format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">",
            escaped(&format!("{} by {}", self.up, self.across))
        )];
        svg.push(text(LEFT - 8.0, 16.0, "start", "label", &self.up));
        svg.push(text((LEFT + WIDTH - RIGHT) / 2.0, HEIGHT - 8.0, "middle", "label", &self.across));
        for step in steps(top) {
            let y = vertical(step, top);
            svg.push(format!(
                "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>",
                WIDTH - RIGHT
            ));
            svg.push(text(LEFT - 8.0, y + 4.0, "end", "tick", &number(step)));
        }
        for (index, place) in places.iter().enumerate() {
            svg.push(text(horizontal(index, places.len()), HEIGHT - BOTTOM + 18.0, "middle", "tick", place));
        }
        for (index, series) in self.series.iter().enumerate() {
            svg.extend(self.line(index, series, top));
        }
        svg.push("</svg>".into());
        svg.join("\n")
    }

    fn line(&self, index: usize, series: &Series, top: f64) -> Vec<String> {
        let count = series.points.len();
        let aside = (index as f64 - (self.series.len() as f64 - 1.0) / 2.0) * APART;
        let at = |number: usize, value: f64| (horizontal(number, count) + aside, vertical(value, top));
        let means: Vec<_> =
            series.points.iter().enumerate().map(|(number, (_, found))| at(number, found.mean)).collect();
        let path: Vec<_> = means.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let mut svg = vec![format!("<g class=\"series s{}\">", index % COLOURS)];
        svg.push(format!("<polyline points=\"{}\"/>", path.join(" ")));
        for (number, (label, found)) in series.points.iter().enumerate() {
            let (x, y) = at(number, found.mean);
            let (_, low) = at(number, (found.mean - found.half_width).max(0.0));
            let (_, high) = at(number, found.mean + found.half_width);
            let (left, right) = (x - WHISKER, x + WHISKER);
            svg.push(format!(
                "<path d=\"M{x:.1},{low:.1}V{high:.1}M{left:.1},{low:.1}H{right:.1}M{left:.1},{high:.1}H{right:.1}\"/>"
            ));
            let words = format!(
                "{}, {label}: {} ± {}, of {} runs",
                series.name,
                number_of(found.mean),
                number_of(found.half_width),
                found.count
            );
            svg.push(format!(
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"4\"><title>{}</title></circle>",
                escaped(&words)
            ));
        }
        if self.series.len() > 1 {
            let x = WIDTH - RIGHT - 110.0 * (self.series.len() - index) as f64;
            svg.push(format!("<circle cx=\"{:.1}\" cy=\"12\" r=\"4\"/>", x + 4.0));
            svg.push(text(x + 14.0, 16.0, "start", "tick", &series.name));
        }
        svg.push("</g>".into());
        svg
    }

    /// The upper end of the axis: above every interval.
    fn top(&self) -> f64 {
        let points = self.series.iter().flat_map(|series| &series.points);
        points.map(|(_, found)| found.mean + found.half_width).fold(1e-9, f64::max) * 1.05
    }
}

fn horizontal(index: usize, count: usize) -> f64 {
    LEFT + (index as f64 + 0.5) / count.max(1) as f64 * (WIDTH - LEFT - RIGHT)
}

fn vertical(value: f64, top: f64) -> f64 {
    HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)
}

/// Round numbers from 0 up to `top`, about five.
fn steps(top: f64) -> Vec<f64> {
    let rough = top / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(power * 10.0);
    (0..=(top / step).floor() as u32).map(|number| f64::from(number) * step).collect()
}

fn number(value: f64) -> String {
    if value.fract().abs() < 1e-9 { format!("{value:.0}") } else { format!("{value}") }
}

fn number_of(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

fn text(x: f64, y: f64, anchor: &str, class: &str, words: &str) -> String {
    format!("<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escaped(words))
}

/// Text inside HTML and SVG, also between double quotes.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_round_steps_and_nothing_is_drawn_outside() {
        assert_eq!(steps(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(steps(930.0).last(), Some(&800.0));
        for value in [0.0, 5.0, 10.0] {
            let y = vertical(value, 10.0);
            assert!((TOP..=HEIGHT - BOTTOM).contains(&y), "{y}");
        }
    }

    #[test]
    fn a_plot_shows_every_point_with_its_interval_and_no_text_breaks_out_of_it() {
        let found = Estimate { mean: 10.0, half_width: 2.0, count: 3 };
        let series =
            |name: &str| Series { name: name.into(), points: vec![("5".into(), found), ("<b>".into(), found)] };
        let plot = Plot { across: "capacity".into(), up: "tx/s".into(), series: vec![series("a"), series("b")] };
        let svg = plot.svg();
        assert_eq!(svg.matches("<path").count(), 4);
        assert!(svg.contains("&lt;b&gt;") && !svg.contains("<b>"), "{svg}");
        assert!(svg.starts_with("<svg") && svg.ends_with("</svg>"));
    }
}
