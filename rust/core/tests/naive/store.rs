//! The store as one map in memory.

use std::collections::BTreeMap;

use diptych_core::store::Key;

#[derive(Default)]
pub struct NaiveStore {
    dims: Vec<(String, usize)>,
    rows: BTreeMap<(String, Key), (i64, Vec<f32>)>,
}

impl NaiveStore {
    pub fn dim(&self, space: &str) -> Option<usize> {
        self.dims
            .iter()
            .find(|(name, _)| name == space)
            .map(|&(_, dim)| dim)
    }

    /// The number of new rows, or nothing when the width is not the space's.
    pub fn put(
        &mut self,
        space: &str,
        keys: &[Key],
        dim: usize,
        vectors: &[f32],
        created: i64,
    ) -> Option<usize> {
        if self.dim(space).is_some_and(|stored| stored != dim) {
            return None;
        }
        let before = self.rows.len();
        for (key, vector) in keys.iter().zip(vectors.chunks(dim)) {
            self.rows
                .entry((space.to_owned(), *key))
                .or_insert_with(|| (created, vector.to_vec()));
        }
        if self.dim(space).is_none() && !keys.is_empty() {
            self.dims.push((space.to_owned(), dim));
        }
        Some(self.rows.len() - before)
    }

    pub fn get(&self, space: &str, key: &Key) -> Option<&Vec<f32>> {
        let row = self.rows.get(&(space.to_owned(), *key));
        row.map(|(_, vector)| vector)
    }

    /// Keep the rows of which `keep` says so, by space, key and age, and the spaces that have any.
    pub fn retain(&mut self, keep: impl Fn(&str, &Key, i64) -> bool) {
        self.rows
            .retain(|(space, key), (created, _)| keep(space, key, *created));
        let rows = &self.rows;
        self.dims
            .retain(|(name, _)| rows.keys().any(|(space, _)| space == name));
    }

    /// (space, key, created, bytes) of each row.
    pub fn rows(&self) -> impl Iterator<Item = (&str, Key, i64, u64)> {
        self.rows.iter().map(|((space, key), (created, vector))| {
            (space.as_str(), *key, *created, 4 * vector.len() as u64)
        })
    }

    /// (space, dim, rows) in order of creation.
    pub fn stats(&self) -> Vec<(String, usize, u64)> {
        let count = |name: &str| self.rows.keys().filter(|(space, _)| space == name).count() as u64;
        self.dims
            .iter()
            .map(|(name, dim)| (name.clone(), *dim, count(name)))
            .collect()
    }
}
