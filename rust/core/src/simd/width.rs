//! The same Rust, compiled for wider registers and chosen at run time; `scan::wide` takes a closure the same way.
//!
//! A job is ordinary safe code. It is compiled once more for AVX2 and for AVX-512, and LLVM vectorises it; there are
//! no intrinsics, and floats are neither fused nor reordered, so every width gives the same bits.
#![allow(unsafe_code)]

/// Something to run at the widest registers there are. What `run` calls must be `#[inline(always)]` to profit.
pub(crate) trait Job {
    /// What it gives.
    type Out;

    /// Do it.
    fn run(self) -> Self::Out;
}

/// Register widths, narrowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Width {
    /// What every processor of the target has.
    Portable,
    /// AVX2, 256 bits.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, BW, DQ and VL, 512 bits.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Width {
    /// The widest of this processor.
    pub fn widest() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            let wide = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("popcnt");
            if wide
                && is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
            {
                return Self::Avx512;
            }
            if wide {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Run a job at this width, or at the widest where this processor has less.
    pub fn run<J: Job>(self, job: J) -> J::Out {
        match self.min(Self::widest()) {
            Self::Portable => job.run(),
            // # Safety
            //
            // `widest` has asked the processor for every feature that the function is compiled for.
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => unsafe { avx2(job) },
            // # Safety
            //
            // As above.
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => unsafe { avx512(job) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt")]
fn avx2<J: Job>(job: J) -> J::Out {
    job.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,popcnt,avx512f,avx512bw,avx512dq,avx512vl")]
fn avx512<J: Job>(job: J) -> J::Out {
    job.run()
}
