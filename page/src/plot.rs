//! A plot's area: scales, axes and marks in SVG. Colours and fonts are the style sheet's, by class.

use crate::html::Html;

/// A range of numbers and where it lies on the page.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    /// Where a number lies, in pixels.
    pub fn at(&self, number: f64) -> f64 {
        let share = if self.to > self.from { (number - self.from) / (self.to - self.from) } else { 0.5 };
        self.start + share * (self.end - self.start)
    }
}

/// Numbers from..to, at ticks of 1, 2, 2.5 or 5 times a power of ten.
#[derive(Debug, Clone, PartialEq)]
pub struct Range {
    /// The least.
    pub from: f64,
    /// The most.
    pub to: f64,
    /// Numbers between them that an axis names.
    pub ticks: Vec<f64>,
}

impl Range {
    /// Widened to whole ticks.
    pub fn around(numbers: impl Iterator<Item = f64>, most_ticks: usize) -> Self {
        let (low, high) = numbers
            .filter(|number| number.is_finite())
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), number| (low.min(number), high.max(number)));
        let (low, high) = match (low, high) {
            _ if low > high => (0.0, 1.0),
            _ if high - low < 1e-12 * high.abs().max(1e-6) => {
                (low - 0.05 * low.abs().max(0.1), high + 0.05 * high.abs().max(0.1))
            }
            bounds => bounds,
        };
        let step = nice_step((high - low) / most_ticks as f64);
        let (first, last) = ((low / step).floor(), (high / step).ceil());
        let ticks = (0..=(last - first) as usize).map(|index| (first + index as f64) * step).collect();
        Self { from: first * step, to: last * step, ticks }
    }

    /// From zero up to a whole tick.
    pub fn from_zero(numbers: impl Iterator<Item = f64>, most_ticks: usize) -> Self {
        Self::around(numbers.chain([0.0]), most_ticks)
    }

    /// Whole numbers, one tick each while there are few.
    pub fn whole(from: u32, to: u32) -> Self {
        let step = ((to.saturating_sub(from)) / 10 + 1) as usize;
        let ticks = (from..=to).step_by(step).map(f64::from).collect();
        Self { from: f64::from(from), to: f64::from(to), ticks }
    }
}

fn nice_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.log10().floor());
    let factors = [1.0, 2.0, 2.5, 5.0, 10.0];
    factors.iter().map(|factor| factor * power).find(|step| *step >= least * (1.0 - 1e-9)).unwrap_or(10.0 * power)
}

/// A plot's size in pixels, and the room around the area for labels.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Of the whole.
    pub width: f64,
    /// Of the whole.
    pub height: f64,
    /// Beside the area.
    pub left: f64,
    /// Beside the area.
    pub right: f64,
    /// Above the area.
    pub top: f64,
    /// Below the area.
    pub bottom: f64,
}

impl Size {
    /// As wide as half the page.
    pub const HALF: Self = Self { width: 480.0, height: 300.0, left: 52.0, right: 14.0, top: 14.0, bottom: 44.0 };
    /// As wide as half the page, with room for the vertical axis' title.
    pub const TITLED: Self = Self { left: 72.0, ..Self::HALF };
    /// About square inside.
    pub const SQUARE: Self = Self { width: 480.0, height: 400.0, left: 72.0, right: 44.0, top: 14.0, bottom: 46.0 };
}

/// An SVG that is being drawn.
#[derive(Debug)]
pub struct Plot<'a> {
    html: &'a mut Html,
    size: Size,
    /// Along the page.
    pub x: Scale,
    /// Up the page.
    pub y: Scale,
}

impl<'a> Plot<'a> {
    /// Draws a plot; `label` says in words what it shows.
    pub fn draw(
        html: &'a mut Html,
        size: Size,
        (x, y): (&Range, &Range),
        label: &str,
        content: impl FnOnce(&mut Plot<'_>),
    ) {
        let view = format!("0 0 {} {}", size.width, size.height);
        html.element("svg", &[("viewBox", &view), ("role", "img"), ("aria-label", label)], |html| {
            let x = Scale { from: x.from, to: x.to, start: size.left, end: size.width - size.right };
            let y = Scale { from: y.from, to: y.to, start: size.height - size.bottom, end: size.top };
            content(&mut Plot { html, size, x, y });
        });
    }

    /// Horizontal lines at the ticks, their labels, and the axis' title above them.
    pub fn y_axis(&mut self, ticks: &[f64], label: fn(f64) -> String) {
        for tick in ticks {
            let y = px(self.y.at(*tick));
            let (left, right) = (px(self.size.left), px(self.size.width - self.size.right));
            self.html.shape("line", &[("class", "grid"), ("x1", &left), ("x2", &right), ("y1", &y), ("y2", &y)]);
            self.text("tick end", (self.size.left - 7.0, self.y.at(*tick) + 4.0), &label(*tick));
        }
    }

    /// Labels under the area, and the axis' title below them.
    pub fn x_axis(&mut self, ticks: &[f64], label: fn(f64) -> String, title: &str) {
        let base = self.size.height - self.size.bottom;
        for tick in ticks {
            self.text("tick middle", (self.x.at(*tick), base + 18.0), &label(*tick));
        }
        self.x_title(title);
    }

    /// The title of the horizontal axis, below it.
    pub fn x_title(&mut self, title: &str) {
        let middle = 0.5 * (self.size.left + self.size.width - self.size.right);
        self.text("axis middle", (middle, self.size.height - 6.0), title);
    }

    /// The title of the vertical axis, inside the area's top left corner.
    pub fn y_title(&mut self, title: &str) {
        let middle = 0.5 * (self.size.top + self.size.height - self.size.bottom);
        let turned = format!("rotate(-90 13 {})", px(middle));
        self.html.element(
            "text",
            &[("class", "axis middle"), ("x", "13"), ("y", &px(middle)), ("transform", &turned)],
            |html| html.text(title),
        );
    }

    /// A line through points in the axes' units; points that are not finite break it.
    pub fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let mut path = String::new();
        let mut is_down = false;
        for (x, y) in points {
            if !x.is_finite() || !y.is_finite() {
                is_down = false;
                continue;
            }
            path.push_str(if is_down { "L" } else { "M" });
            path.push_str(&format!("{} {}", px(self.x.at(x)), px(self.y.at(y))));
            is_down = true;
        }
        let class = format!("line {class}");
        self.html.shape("path", &[("class", &class), ("d", &path)]);
    }

    /// A dot with a text that appears when it is pointed at.
    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, hint: &str) {
        let class = format!("dot {class}");
        let (x, y, radius) = (px(self.x.at(x)), px(self.y.at(y)), px(radius));
        self.html.element("circle", &[("class", &class), ("cx", &x), ("cy", &y), ("r", &radius)], |html| {
            html.line("title", &[], hint);
        });
    }

    /// A bar from the base line up to y, `from..to` along x as shares of the area's width.
    pub fn bar(&mut self, class: &str, (from, to): (f64, f64), height: f64, hint: &str) {
        let width = self.size.width - self.size.left - self.size.right;
        let base = self.y.at(self.y.from.max(0.0));
        let end = self.y.at(height);
        let class = format!("bar {class}");
        let (x, wide) = (px(self.size.left + from * width), px((to - from) * width));
        let (y, high) = (px(end.min(base)), px((end - base).abs().max(0.6)));
        let attributes = [("class", class.as_str()), ("x", &x), ("y", &y), ("width", &wide), ("height", &high)];
        self.html.element("rect", &attributes, |html| html.line("title", &[], hint));
    }

    /// A closed area under steps: `edges` one more than `heights`, as shares of the area's width.
    pub fn steps(&mut self, class: &str, heights: &[f64]) {
        let width = self.size.width - self.size.left - self.size.right;
        let mut path = format!("M{} {}", px(self.size.left), px(self.y.at(0.0)));
        for (index, height) in heights.iter().enumerate() {
            let edge = |index: usize| px(self.size.left + width * index as f64 / heights.len() as f64);
            let y = px(self.y.at(*height));
            path.push_str(&format!("L{} {y}L{} {y}", edge(index), edge(index + 1)));
        }
        path.push_str(&format!("L{} {}Z", px(self.size.left + width), px(self.y.at(0.0))));
        let class = format!("area {class}");
        self.html.shape("path", &[("class", &class), ("d", &path)]);
    }

    /// A straight line between two points in the axes' units.
    pub fn rule(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let class = format!("rule {class}");
        let (x1, y1, x2, y2) = (px(self.x.at(from.0)), px(self.y.at(from.1)), px(self.x.at(to.0)), px(self.y.at(to.1)));
        self.html.shape("line", &[("class", &class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
    }

    /// A text at a place in pixels.
    pub fn text(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        self.html.line("text", &[("class", class), ("x", &px(x)), ("y", &px(y))], text);
    }

    /// The area in pixels: left, right, top, bottom.
    pub fn area(&self) -> (f64, f64, f64, f64) {
        let Size { width, height, left, right, top, bottom } = self.size;
        (left, width - right, top, height - bottom)
    }
}

/// A length on the page, to a tenth of a pixel.
pub fn px(length: f64) -> String {
    let text = format!("{length:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests;
