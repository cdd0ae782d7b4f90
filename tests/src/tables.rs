//! Generated tables: people whose labels depend on their features, so that a model has something to find.

use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, Int8Array, Int64Array, ListArray, RecordBatch, StringArray};
use arrow::datatypes::{Float32Type, Float64Type, Int64Type};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;

/// A table of people.
#[derive(Debug, Clone, Copy)]
pub struct People {
    /// How many.
    pub rows: u64,
    /// How many files they are spread over.
    pub files: u64,
    /// Rows of a row group.
    pub row_group_rows: usize,
    /// Makes other people.
    pub seed: u64,
}

impl Default for People {
    fn default() -> Self {
        Self { rows: 4000, files: 2, row_group_rows: 500, seed: 1 }
    }
}

impl People {
    /// Writes `part-<n>.parquet` files with the columns `person` (integer key), `age`, `income` (with nulls), `city`
    /// (strings with spaces and `?`), `channel` (integers), `email`, `bought` (0/1), `spend` (≥ 0), `seen` (lists of integers, with
    /// nulls), `seen_times` (as many numbers) and `taste` (lists of three numbers, with nulls).
    ///
    /// # Panics
    /// If a file cannot be written.
    pub fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).expect("a folder");
        for file in 0..self.files {
            let first = self.rows * file / self.files;
            let rows = first..self.rows * (file + 1) / self.files;
            write_parquet(&folder.join(format!("part-{file}.parquet")), &self.batch(rows), self.row_group_rows);
        }
    }

    /// Some of the people.
    ///
    /// # Panics
    /// Never: the columns fit together.
    pub fn batch(&self, rows: std::ops::Range<u64>) -> RecordBatch {
        let people: Vec<Person> = rows.map(|row| Person::draw(self.seed, row)).collect();
        let seen = people.iter().map(|p| p.seen().map(|items| items.map(Some)));
        let times = people.iter().map(|p| p.seen().map(|items| items.map(|item| Some((item + 1) as f64 / 4.0))));
        let columns: [(&str, ArrayRef); 11] = [
            ("person", Arc::new(Int64Array::from_iter_values(people.iter().map(|p| p.id)))),
            ("age", Arc::new(Int64Array::from_iter_values(people.iter().map(|p| p.age)))),
            ("income", Arc::new(people.iter().map(|p| p.income).collect::<Float64Array>())),
            ("city", Arc::new(people.iter().map(|p| p.city).collect::<StringArray>())),
            ("channel", Arc::new(Int64Array::from_iter_values(people.iter().map(|p| p.channel)))),
            (
                "email",
                Arc::new(StringArray::from_iter_values(people.iter().map(|p| format!(" User{}@Example.com", p.id)))),
            ),
            ("bought", Arc::new(Int8Array::from_iter_values(people.iter().map(|p| p.bought)))),
            ("spend", Arc::new(Float64Array::from_iter_values(people.iter().map(|p| p.spend)))),
            ("seen", Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(seen))),
            ("seen_times", Arc::new(ListArray::from_iter_primitive::<Float64Type, _, _>(times))),
            // Not of a fixed size: pyarrow does not read such a column with nulls from Parquet.
            ("taste", Arc::new(ListArray::from_iter_primitive::<Float32Type, _, _>(people.iter().map(Person::taste)))),
        ];
        RecordBatch::try_from_iter(columns).expect("columns of one length")
    }
}

/// Writes one Parquet file.
///
/// # Panics
/// If it cannot be written.
pub fn write_parquet(path: &Path, batch: &RecordBatch, row_group_rows: usize) {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(row_group_rows))
        .set_compression(Compression::SNAPPY)
        .build();
    let file = File::create(path).expect("a file");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("a writer");
    writer.write(batch).expect("rows are written");
    writer.close().expect("the file is closed");
}

struct Person {
    id: i64,
    age: i64,
    income: Option<f64>,
    city: Option<&'static str>,
    channel: i64,
    bought: i8,
    spend: f64,
}

const CITIES: [&str; 6] = ["New York", "São Paulo", "Köln", "?", "Port of Spain", " leading blank"];

impl Person {
    fn draw(seed: u64, row: u64) -> Self {
        let mut draw = Draw(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ row.wrapping_mul(0xD1B5_4A32_D192_ED03));
        let age = 18 + (draw.uniform() * 60.0) as i64;
        let income = (draw.uniform() > 0.1).then(|| (20.0 + draw.uniform() * 80.0).round() * 1000.0);
        let city = (draw.uniform() * 6.5) as usize;
        let channel = (draw.uniform() * 4.0) as i64;
        let logit = -1.5 + f64::from(city as u32 % 3) + (age as f64 - 48.0) / 20.0
            - income.map_or(0.5, |income| (income - 60_000.0) / 40_000.0)
            + if channel == 2 { 1.0 } else { 0.0 };
        let bought = draw.uniform() < 1.0 / (1.0 + (-logit).exp());
        let spend = if bought { (10.0 + draw.uniform() * age as f64 * 3.0).round() } else { 0.0 };
        Self {
            id: 1000 + row as i64,
            age,
            income,
            city: CITIES.get(city).copied(),
            channel,
            bought: i8::from(bought),
            spend,
        }
    }
}

impl Person {
    /// Between none and four items; nothing for every ninth.
    fn seen(&self) -> Option<impl Iterator<Item = i64> + use<>> {
        let (id, bought) = (self.id, i64::from(self.bought));
        (id % 9 != 0).then(move || (0..id % 5).map(move |place| (id * 7 + place * 3 + 5 * bought) % 13))
    }

    fn taste(&self) -> Option<[Option<f32>; 3]> {
        let number = |place: i64| Some(((self.id * 31 + place * 17) % 101) as f32 / 50.0 - f32::from(self.bought));
        (self.id % 11 != 0).then(|| [0, 1, 2].map(number))
    }
}

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}
