//! What a model says, as columns: of score tables, and as the audiences' expressions see it.
//!
//! A task with one number has a column of its name. A multiclass task `next` has `next_1`, `next_1_probability`,
//! `next_2`, …: the most probable classes with their probabilities. Expressions see these too, and the probability of any
//! class by its label, `next['tea']`: `next` is a struct of all classes there.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float32Array, Float64Array, StringBuilder, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use model::encode::OTHER;
use model::outputs::{ClassOutput, TaskOutput, most_probable};
use spec::ids::TaskName;

/// Of the `place`-th best class of a task, from 1.
fn class_column(task: &TaskName, place: usize) -> String {
    format!("{task}_{place}")
}

/// Of its probability.
fn probability_column(task: &TaskName, place: usize) -> String {
    format!("{task}_{place}_probability")
}

/// The score table's columns of an output.
pub fn score_fields(output: &TaskOutput) -> Vec<Field> {
    let Some(classes) = &output.classes else {
        return vec![Field::new(output.task.as_str(), DataType::Float32, false)];
    };
    let of_place = |place| {
        [
            Field::new(class_column(&output.task, place), DataType::Utf8, false),
            Field::new(probability_column(&output.task, place), DataType::Float32, false),
        ]
    };
    (1..=classes.top).flat_map(of_place).collect()
}

/// The columns that expressions see of an output: numbers in 64 bits.
pub fn expression_fields(output: &TaskOutput) -> Vec<Field> {
    let wide = |field: Field| match field.data_type() {
        DataType::Float32 => field.with_data_type(DataType::Float64).with_nullable(true),
        _ => field.with_nullable(true),
    };
    let columns = score_fields(output).into_iter().map(wide);
    let all = output
        .classes
        .as_ref()
        .map(|classes| Field::new(output.task.as_str(), DataType::Struct(class_fields(classes)), true));
    columns.chain(all).collect()
}

/// A field for each class that has a name of its own, and `other` unless a class is called that.
fn class_fields(classes: &ClassOutput) -> Fields {
    let other = (!classes.names.iter().any(|name| name == OTHER)).then_some(OTHER);
    let names = classes.names.iter().map(String::as_str).chain(other);
    names.map(|name| Field::new(name, DataType::Float64, true)).collect()
}

/// An output's columns of score tables for some rows, from its predictions.
pub fn score_columns(output: &TaskOutput, predictions: Vec<f32>) -> Vec<ArrayRef> {
    match &output.classes {
        None => vec![Arc::new(Float32Array::from(predictions))],
        Some(classes) => best_columns(classes, &predictions),
    }
}

fn best_columns(classes: &ClassOutput, predictions: &[f32]) -> Vec<ArrayRef> {
    let width = classes.names.len() + 1;
    let rows = predictions.len() / width;
    let mut names: Vec<StringBuilder> =
        (0..classes.top).map(|_| StringBuilder::with_capacity(rows, 16 * rows)).collect();
    let mut probabilities: Vec<Vec<f32>> = (0..classes.top).map(|_| Vec::with_capacity(rows)).collect();
    let mut best = Vec::new();
    for row in predictions.chunks_exact(width) {
        most_probable(row, classes.top, &mut best);
        for ((class, names), probabilities) in best.iter().zip(&mut names).zip(&mut probabilities) {
            names.append_value(&classes.names[*class]);
            probabilities.push(row[*class]);
        }
    }
    let column = |(mut names, probabilities): (StringBuilder, Vec<f32>)| -> [ArrayRef; 2] {
        [Arc::new(names.finish()), Arc::new(Float32Array::from(probabilities))]
    };
    names.into_iter().zip(probabilities).flat_map(column).collect()
}

/// The probabilities of all classes as a struct.
pub fn class_struct(classes: &ClassOutput, predictions: &[f32]) -> ArrayRef {
    let (fields, width) = (class_fields(classes), classes.names.len() + 1);
    let of_class = |class: usize| -> ArrayRef {
        let probabilities = predictions.iter().skip(class).step_by(width).map(|probability| f64::from(*probability));
        Arc::new(Float64Array::from_iter_values(probabilities))
    };
    let columns = (0..fields.len()).map(of_class).collect();
    Arc::new(StructArray::new(fields, columns, None))
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{Float32Type, Float64Type};

    use super::*;

    fn output() -> TaskOutput {
        let names = ["tea", "milk", "bread"].map(str::to_owned).to_vec();
        TaskOutput { task: "next".parse().unwrap(), classes: Some(ClassOutput { names, top: 2 }) }
    }

    const PREDICTIONS: [f32; 8] = [0.2, 0.5, 0.25, 0.05, 0.3, 0.1, 0.2, 0.4];

    #[test]
    fn a_score_table_has_the_best_classes_with_their_probabilities() {
        let names: Vec<_> = score_fields(&output()).iter().map(|field| field.name().clone()).collect();
        assert_eq!(names, ["next_1", "next_1_probability", "next_2", "next_2_probability"]);
        let columns = score_columns(&output(), PREDICTIONS.to_vec());
        let texts = |column: usize| columns[column].as_string::<i32>().iter().flatten().collect::<Vec<_>>();
        assert_eq!((texts(0), texts(2)), (vec!["milk", "tea"], vec!["bread", "bread"]));
        assert_eq!(columns[1].as_primitive::<Float32Type>().values(), &[0.5, 0.3]);
        assert_eq!(columns[3].as_primitive::<Float32Type>().values(), &[0.25, 0.2]);
    }

    #[test]
    fn expressions_see_every_class_by_its_label() {
        let fields = expression_fields(&output());
        assert_eq!(fields.last().unwrap().name(), "next");
        let all = class_struct(output().classes.as_ref().unwrap(), &PREDICTIONS);
        assert_eq!(all.data_type(), fields.last().unwrap().data_type());
        let bread = all.as_struct().column_by_name("bread").unwrap();
        assert_eq!(bread.as_primitive::<Float64Type>().values(), &[0.25, f64::from(0.2f32)]);
        let other = all.as_struct().column_by_name("other").unwrap();
        assert_eq!(other.as_primitive::<Float64Type>().value(1), f64::from(0.4f32));
    }
}
