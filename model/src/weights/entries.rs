//! Named tensors to safetensors bytes and back.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

use safetensors::tensor::{Dtype, SafeTensors, TensorInfo, View};

use crate::error::Error;

/// A tensor to be written; its numbers are made when their turn comes.
pub(crate) struct Entry<'a> {
    name: String,
    shape: Vec<usize>,
    content: Content<'a>,
}

enum Content<'a> {
    Numbers(Box<dyn Fn() -> Vec<f32> + 'a>),
    Count(u64),
}

impl<'a> Entry<'a> {
    /// f32 in row-major order.
    pub(crate) fn numbers(name: String, shape: Vec<usize>, read: impl Fn() -> Vec<f32> + 'a) -> Self {
        Self { name, shape, content: Content::Numbers(Box::new(read)) }
    }

    /// One whole number, as `[1]` I64.
    pub(crate) fn count(name: &str, count: u64) -> Self {
        Self { name: name.to_owned(), shape: vec![1], content: Content::Count(count) }
    }
}

impl View for Entry<'_> {
    fn dtype(&self) -> Dtype {
        match self.content {
            Content::Numbers(_) => Dtype::F32,
            Content::Count(_) => Dtype::I64,
        }
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        match &self.content {
            Content::Numbers(read) => read().iter().flat_map(|number| number.to_le_bytes()).collect(),
            Content::Count(count) => count.to_le_bytes().to_vec().into(),
        }
    }

    fn data_len(&self) -> usize {
        self.shape.iter().product::<usize>() * self.dtype().size()
    }
}

/// The file's bytes, the same for the same entries in any order.
pub(crate) fn write(entries: Vec<Entry<'_>>, schema: &str) -> Result<Vec<u8>, Error> {
    // One key at the most: the library writes its map in the map's order.
    let metadata = HashMap::from([("schema".to_owned(), schema.to_owned())]);
    let named = entries.into_iter().map(|entry| (entry.name.clone(), entry));
    safetensors::serialize(named, &Some(metadata)).map_err(|source| Error::Safetensors { source })
}

/// A file whose tensors are taken one by one.
pub(crate) struct Reader<'a> {
    tensors: BTreeMap<String, TensorInfo>,
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A file of the given schema.
    pub(crate) fn open(bytes: &'a [u8], schema: &'static str) -> Result<Self, Error> {
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|source| Error::Safetensors { source })?;
        let found = metadata.metadata().as_ref().and_then(|metadata| metadata.get("schema"));
        if found.map(String::as_str) != Some(schema) {
            return Err(Error::Schema { expected: schema, found: found.cloned() });
        }
        let tensors = metadata.tensors().into_iter().map(|(name, info)| (name, info.clone())).collect();
        Ok(Self { tensors, data: &bytes[header + size_of::<u64>()..] })
    }

    /// Whether a tensor that was not taken has a name with this beginning.
    pub(crate) fn has(&self, prefix: &str) -> bool {
        self.tensors.range(prefix.to_owned()..).next().is_some_and(|(name, _)| name.starts_with(prefix))
    }

    /// The numbers of a tensor of the given shape.
    pub(crate) fn take(&mut self, name: String, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let bytes = self.bytes(name, shape, Dtype::F32)?;
        let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        Ok(bytes.chunks_exact(4).map(number).collect())
    }

    /// A whole number.
    pub(crate) fn take_count(&mut self, name: &str) -> Result<u64, Error> {
        let bytes = self.bytes(name.to_owned(), &[1], Dtype::I64)?;
        Ok(bytes.iter().rev().fold(0, |count, &byte| count << 8 | u64::from(byte)))
    }

    fn bytes(&mut self, name: String, shape: &[usize], kind: Dtype) -> Result<&'a [u8], Error> {
        let Some(info) = self.tensors.remove(&name) else {
            return Err(Error::TensorMissing { name, shape: shape.to_vec() });
        };
        if info.dtype != kind || info.shape != shape {
            let found_type = format!("{:?}", info.dtype);
            return Err(Error::TensorShape { name, found_type, found: info.shape, expected: shape.to_vec() });
        }
        // The library has checked that the offsets lie inside the file and fit the shape.
        Ok(&self.data[info.data_offsets.0..info.data_offsets.1])
    }

    /// Refuses a file that holds more than was taken.
    pub(crate) fn finish(self) -> Result<(), Error> {
        match self.tensors.into_keys().next() {
            Some(name) => Err(Error::TensorUnknown { name }),
            None => Ok(()),
        }
    }
}
