//! `PermutationTest`: columns made ready once, counts of ranges of resamples as arrays.
#![expect(
    clippy::needless_pass_by_value,
    reason = "pyo3 hands over arrays by value"
)]

use diptych_core::permutation::{self, Draw, Groups, Matrix, PermutationError};
use numpy::{
    PyArray1, PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2, PyUntypedArrayMethods,
};
use pyo3::prelude::*;

use crate::arrays;
use crate::errors::ShapeError;

mod forms;

type Counts<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>);

#[pyclass(frozen, module = "diptych._core")]
struct PermutationTest {
    test: permutation::PermutationTest,
}

#[pymethods]
impl PermutationTest {
    #[staticmethod]
    fn sign_flips(
        py: Python<'_>,
        differences: PyReadonlyArray2<'_, f64>,
        seed: u64,
        exact: bool,
    ) -> PyResult<Self> {
        let matrix = rows("differences", &differences)?;
        prepared(py, || {
            permutation::PermutationTest::sign_flips(matrix, draw(seed, exact))
        })
    }

    #[staticmethod]
    fn label_permutations(
        py: Python<'_>,
        values: PyReadonlyArray2<'_, f64>,
        present: PyReadonlyArray2<'_, bool>,
        first: PyReadonlyArray1<'_, bool>,
        seed: u64,
        exact: bool,
    ) -> PyResult<Self> {
        if values.shape() != present.shape() {
            return Err(ShapeError::new_err(format!(
                "present: shape {:?}, expected that of values, {:?}; pass one flag for every value",
                present.shape(),
                values.shape()
            )));
        }
        let groups = Groups {
            values: rows("values", &values)?,
            present: arrays::matrix("present", &present)?,
            first: arrays::vector("first", &first)?,
        };
        prepared(py, || {
            permutation::PermutationTest::label_permutations(groups, draw(seed, exact))
        })
    }

    #[getter]
    fn statistic<'py>(&self, py: Python<'py>) -> Bound<'py, PyArray1<f64>> {
        PyArray1::from_slice(py, self.test.statistic())
    }

    fn count<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        stop: u64,
        threads: usize,
    ) -> PyResult<Counts<'py>> {
        let counts = py
            .detach(|| self.test.count(start..stop, threads))
            .map_err(raise)?;
        Ok((
            PyArray1::from_vec(py, counts.exceed),
            PyArray1::from_vec(py, counts.exceed_max),
        ))
    }

    fn null<'py>(
        &self,
        py: Python<'py>,
        start: u64,
        stop: u64,
        threads: usize,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let null = py
            .detach(|| self.test.null(start..stop, threads))
            .map_err(raise)?;
        let measures = self.test.statistic().len();
        let resamples = usize::try_from(stop - start)?; // the core has refused start > stop
        PyArray1::from_vec(py, null).reshape([resamples, measures])
    }
}

fn prepared(
    py: Python<'_>,
    make: impl FnOnce() -> Result<permutation::PermutationTest, PermutationError> + Send,
) -> PyResult<PermutationTest> {
    let test = py.detach(make).map_err(raise)?;
    Ok(PermutationTest { test })
}

fn draw(seed: u64, exact: bool) -> Draw {
    if exact {
        Draw::Each
    } else {
        Draw::Random { seed }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the shape of map_err")]
fn raise(error: PermutationError) -> PyErr {
    ShapeError::new_err(error.to_string())
}

fn rows<'a>(name: &str, array: &'a PyReadonlyArray2<'_, f64>) -> PyResult<Matrix<'a>> {
    let shape = array.shape();
    Ok(Matrix {
        data: arrays::matrix(name, array)?,
        rows: shape[0],
        columns: shape[1],
    })
}

pub fn register(m: &Bound<'_, PyModule>) -> PyResult<()> {
    m.add_class::<PermutationTest>()?;
    forms::register(m)
}
