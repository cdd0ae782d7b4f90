//! Writes HTML and SVG: text and attributes are escaped here, so that no name can become markup.

/// An HTML document that is being written.
#[derive(Debug, Default)]
pub struct Html {
    page: String,
}

impl Html {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Markup from the source of this program.
    pub fn fixed(&mut self, markup: &'static str) {
        self.page.push_str(markup);
    }

    /// A text node.
    pub fn text(&mut self, text: &str) {
        push_escaped(&mut self.page, text);
    }

    /// An element with what `content` writes in it.
    pub fn element(&mut self, tag: &'static str, attributes: &[(&'static str, &str)], content: impl FnOnce(&mut Self)) {
        self.open(tag, attributes);
        self.page.push('>');
        content(self);
        self.page.push_str("</");
        self.page.push_str(tag);
        self.page.push('>');
    }

    /// An element with a text in it.
    pub fn line(&mut self, tag: &'static str, attributes: &[(&'static str, &str)], text: &str) {
        self.element(tag, attributes, |html| html.text(text));
    }

    /// An SVG element without content.
    pub fn shape(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.open(tag, attributes);
        self.page.push_str("/>");
    }

    /// All that was written.
    pub fn finish(self) -> String {
        self.page
    }

    fn open(&mut self, tag: &'static str, attributes: &[(&'static str, &str)]) {
        self.page.push('<');
        self.page.push_str(tag);
        for (name, value) in attributes {
            self.page.push(' ');
            self.page.push_str(name);
            self.page.push_str("=\"");
            push_escaped(&mut self.page, value);
            self.page.push('"');
        }
    }
}

fn push_escaped(page: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => page.push_str("&amp;"),
            '<' => page.push_str("&lt;"),
            '>' => page.push_str("&gt;"),
            '"' => page.push_str("&quot;"),
            '\'' => page.push_str("&#39;"),
            '\n' | '\t' => page.push(character),
            // Control characters are not HTML; overrides of the writing direction could make a name read as another.
            _ if character.is_control() || is_direction_control(character) => page.push('\u{fffd}'),
            _ => page.push(character),
        }
    }
}

fn is_direction_control(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
