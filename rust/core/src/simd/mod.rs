//! The one module with `unsafe`: vector instructions, chosen at run time, each with a portable twin of the same bits.

pub(crate) mod blake3;
pub(crate) mod marks;
pub(crate) mod scan;
pub(crate) mod width;
