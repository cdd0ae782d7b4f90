//! The shape of documents: the JSON Schema of our own types, in a form that is easy to walk.
//!
//! Only what schemars makes of those types is understood; a test compiles the whole schema.

use indexmap::IndexMap;
use serde_json::Value as Json;

use crate::text::{DATE, TextForm, form_of, is_percentage};

#[cfg(test)]
mod tests;

/// What stands at one place of a document.
#[derive(Debug)]
pub(crate) enum Shape {
    /// The shape, or null.
    Optional(Box<Shape>),
    /// Anything; who reads it checks it.
    Any,
    /// Any text, number or boolean.
    Scalar,
    Boolean,
    /// A whole number between two bounds, both included.
    Whole {
        least: i128,
        most: i128,
    },
    /// A finite number; as a share it may be written as a percentage.
    Decimal {
        low: Bound,
        high: Bound,
        is_share: bool,
    },
    /// A text, of a form.
    Text(Option<&'static TextForm>),
    /// One of several words.
    Words {
        definition: String,
        words: Vec<String>,
    },
    /// A list of between so many and so many items.
    List {
        item: Box<Shape>,
        least: usize,
        most: usize,
    },
    /// Values under names of the user's own.
    Names {
        form: Option<&'static TextForm>,
        value: Box<Shape>,
        least: usize,
    },
    /// Fields.
    Record(Record),
    /// Fields which depend on the word in one of them.
    Tagged {
        definition: String,
        tag: String,
        variants: IndexMap<String, Record>,
    },
    /// Exactly one of several fields.
    OneField {
        definition: String,
        variants: IndexMap<String, Shape>,
    },
    /// Any of several shapes, told apart by their types.
    Either {
        shapes: Vec<Shape>,
    },
}

/// The fields of a mapping.
#[derive(Debug)]
pub(crate) struct Record {
    /// The type that they are of; for a tagged one the type of all its variants.
    pub(crate) definition: String,
    pub(crate) fields: IndexMap<String, Field>,
}

/// One field.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) shape: Shape,
    pub(crate) is_required: bool,
}

/// One end of a range of numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    None,
    Included(f64),
    Excluded(f64),
}

/// A part of a schema that this module does not understand.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("a schema of `{definition}` has a form that is not understood: {schema}")]
pub(crate) struct UnknownForm {
    definition: String,
    schema: Json,
}

impl Shape {
    /// The shape that a whole schema describes.
    pub(crate) fn of_schema(schema: &Json) -> Result<Self, UnknownForm> {
        let definitions = schema.get("$defs").unwrap_or(&Json::Null);
        Compiler { definitions }.shape(schema, "Document")
    }
}

struct Compiler<'a> {
    definitions: &'a Json,
}

impl Compiler<'_> {
    fn shape(&self, schema: &Json, definition: &str) -> Result<Shape, UnknownForm> {
        if let Some(name) = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/")) {
            return self.shape(&self.definitions[name], name);
        }
        let unknown = || UnknownForm { definition: definition.to_owned(), schema: schema.clone() };
        if let Some(choices) = schema["oneOf"].as_array() {
            return self.one_of(choices, definition)?.ok_or_else(unknown);
        }
        if let Some(choices) = schema["anyOf"].as_array() {
            return self.any_of(choices, definition);
        }
        let types: Vec<&str> = match &schema["type"] {
            Json::String(name) => vec![name.as_str()],
            Json::Array(names) => names.iter().filter_map(Json::as_str).collect(),
            _ => return Err(unknown()),
        };
        match types[..] {
            [name] => self.of_type(name, schema, definition)?.ok_or_else(unknown),
            [name, "null"] => {
                let shape = self.of_type(name, schema, definition)?.ok_or_else(unknown)?;
                Ok(Shape::Optional(Box::new(shape)))
            }
            ["string", "number", "boolean"] => Ok(Shape::Scalar),
            ["null", "boolean", "number", "string", "array", "object"] => Ok(Shape::Any),
            _ => Err(unknown()),
        }
    }

    fn of_type(&self, name: &str, schema: &Json, definition: &str) -> Result<Option<Shape>, UnknownForm> {
        let count = |key: &str, default| schema[key].as_u64().map_or(default, |count| count as usize);
        Ok(match name {
            "boolean" => Some(Shape::Boolean),
            "integer" => whole(schema),
            "number" => Some(decimal(schema, false)),
            "string" => text(schema, definition),
            "array" => {
                let item = Box::new(self.shape(&schema["items"], definition)?);
                Some(Shape::List { item, least: count("minItems", 0), most: count("maxItems", usize::MAX) })
            }
            "object" if schema.get("properties").is_some() => Some(Shape::Record(self.record(schema, definition, "")?)),
            "object" => self.names(schema, count("minProperties", 0), definition)?,
            _ => None,
        })
    }

    fn names(&self, schema: &Json, least: usize, definition: &str) -> Result<Option<Shape>, UnknownForm> {
        let patterns = schema["patternProperties"].as_object().and_then(|patterns| patterns.iter().next());
        let (form, value) = match patterns {
            Some((pattern, value)) => match form_of(pattern) {
                Some(form) => (Some(form), value),
                None => return Ok(None),
            },
            None if schema["additionalProperties"].is_object() => (None, &schema["additionalProperties"]),
            None => return Ok(self.is_empty_record(schema).then(|| empty_record(definition))),
        };
        Ok(Some(Shape::Names { form, value: Box::new(self.shape(value, definition)?), least }))
    }

    fn is_empty_record(&self, schema: &Json) -> bool {
        schema["additionalProperties"] == Json::Bool(false)
    }

    fn record(&self, schema: &Json, definition: &str, tag: &str) -> Result<Record, UnknownForm> {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let properties = schema["properties"].as_object().into_iter().flatten();
        let field = |(name, schema): (&String, &Json)| {
            let shape = self.shape(schema, definition)?;
            Ok((name.clone(), Field { shape, is_required: required.contains(&name.as_str()) }))
        };
        let fields = properties.filter(|(name, _)| *name != tag).map(field).collect::<Result<_, _>>()?;
        Ok(Record { definition: definition.to_owned(), fields })
    }

    fn one_of(&self, choices: &[Json], definition: &str) -> Result<Option<Shape>, UnknownForm> {
        let definition = definition.to_owned();
        let words: Option<Vec<String>> =
            choices.iter().map(|choice| choice["const"].as_str().map(str::to_owned)).collect();
        if let Some(words) = words {
            return Ok(Some(Shape::Words { definition, words }));
        }
        if let Some(tag) = choices.first().and_then(tag_of) {
            let variant = |choice: &Json| {
                let word = choice["properties"][&tag]["const"].as_str().unwrap_or_default();
                Ok((word.to_owned(), self.record(choice, &definition, &tag)?))
            };
            let variants = choices.iter().map(variant).collect::<Result<_, _>>()?;
            return Ok(Some(Shape::Tagged { definition, tag, variants }));
        }
        let mut variants = IndexMap::new();
        for choice in choices {
            let Some((name, schema)) = choice["properties"].as_object().and_then(|fields| fields.iter().next()) else {
                return Ok(None);
            };
            variants.insert(name.clone(), self.shape(schema, &definition)?);
        }
        Ok(Some(Shape::OneField { definition, variants }))
    }

    fn any_of(&self, choices: &[Json], definition: &str) -> Result<Shape, UnknownForm> {
        let is_null = |choice: &&Json| choice["type"] == "null";
        let is_percent = |choice: &&Json| choice["pattern"].as_str().is_some_and(is_percentage);
        let is_share = choices.iter().any(|choice| is_percent(&choice));
        let kept = choices.iter().filter(|choice| !is_null(choice) && !is_percent(choice));
        let mut shapes = kept
            .map(|choice| if is_share { Ok(decimal(choice, true)) } else { self.shape(choice, definition) })
            .collect::<Result<Vec<_>, _>>()?;
        let shape = match (shapes.pop(), shapes.is_empty()) {
            (Some(only), true) => only,
            (last, _) => {
                shapes.extend(last);
                Shape::Either { shapes }
            }
        };
        Ok(if choices.iter().any(|choice| is_null(&choice)) { Shape::Optional(Box::new(shape)) } else { shape })
    }
}

/// The field whose word tells the variants of a tagged type apart.
fn tag_of(variant: &Json) -> Option<String> {
    let fields = variant["properties"].as_object()?;
    fields.iter().find(|(_, schema)| schema.get("const").is_some()).map(|(name, _)| name.clone())
}

fn empty_record(definition: &str) -> Shape {
    Shape::Record(Record { definition: definition.to_owned(), fields: IndexMap::new() })
}

fn whole(schema: &Json) -> Option<Shape> {
    let (least, most) = match schema["format"].as_str()? {
        "uint16" => (0, u16::MAX.into()),
        "uint32" => (0, u32::MAX.into()),
        "uint64" => (0, u64::MAX.into()),
        _ => return None,
    };
    let bound = |key: &str, default| schema[key].as_u64().map_or(default, i128::from);
    Some(Shape::Whole { least: bound("minimum", least), most: bound("maximum", most) })
}

fn decimal(schema: &Json, is_share: bool) -> Shape {
    let bound = |included: &str, excluded: &str| match (schema[excluded].as_f64(), schema[included].as_f64()) {
        (Some(bound), _) => Bound::Excluded(bound),
        (None, Some(bound)) => Bound::Included(bound),
        (None, None) => Bound::None,
    };
    Shape::Decimal { low: bound("minimum", "exclusiveMinimum"), high: bound("maximum", "exclusiveMaximum"), is_share }
}

fn text(schema: &Json, definition: &str) -> Option<Shape> {
    if let Some(word) = schema["const"].as_str() {
        return Some(Shape::Words { definition: definition.to_owned(), words: vec![word.to_owned()] });
    }
    match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date"), _) => Some(Shape::Text(Some(&DATE))),
        (Some(_), _) => None,
        (None, Some(pattern)) => form_of(pattern).map(|form| Shape::Text(Some(form))),
        (None, None) => Some(Shape::Text(None)),
    }
}

impl Field {
    /// Whether it may be left out though null is no value of it.
    pub(crate) fn has_default(&self) -> bool {
        !self.is_required && !matches!(self.shape, Shape::Optional(_))
    }
}

impl Bound {
    /// The number that it is at.
    pub(crate) fn value(self) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Included(bound) | Self::Excluded(bound) => Some(bound),
        }
    }

    /// Whether a value satisfies it as the lower end.
    pub(crate) fn is_below(self, value: f64) -> bool {
        match self {
            Self::None => true,
            Self::Included(bound) => bound <= value,
            Self::Excluded(bound) => bound < value,
        }
    }

    /// Whether a value satisfies it as the upper end.
    pub(crate) fn is_above(self, value: f64) -> bool {
        match self {
            Self::None => true,
            Self::Included(bound) => value <= bound,
            Self::Excluded(bound) => value < bound,
        }
    }
}
