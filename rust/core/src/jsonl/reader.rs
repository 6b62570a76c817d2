//! A file of JSON lines, window by window, read and parsed ahead of the caller.
//!
//! Each thread reads its own window from the file, one thread at a time, and parses it while others read; the caller's thread takes part
//! whenever the window it wants is not ready. So the caller's own work on a window (Python objects, say) overlaps with the parsing
//! of the next. Windows are handed out in file order and numbered then, so the result is the same for every thread count.
//!
//! Tried and dropped: closures inside the marking loop (they are not inlined under `target_feature`: a third of all time),
//! `read_to_end` into the window (it begins with 8 KiB reads), zeroing the window before each read (a fortieth of all time),
//! windows that are parsed in parallel and then turned into objects by one thread while the other waits (0.72 of the time of
//! msgspec's loop, where overlapping takes half). Of a read to lists two thirds are spent in the interpreter, on decoding and on
//! pages that were never touched before; its garbage collector took a tenth until callers kept it off the lists.
//!
//! Memory: at most `2 * threads + 1` windows of 1 MiB, each as long as its longest line, and the fields kept of them. A line beyond
//! `max_line_bytes` is counted to its end, not kept.

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::panic::{self, AssertUnwindSafe};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::bytes::Bytes;
use super::window::{Job, TooLong, Window};
use super::{JsonlError, OnBadLine, Options, other_encoding};
use crate::files::{self, FileError, Source};

/// Bytes that are asked of the file at a time.
const READ_BYTES: usize = 1 << 16;

/// Why a window cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// Its content.
    #[error(transparent)]
    Jsonl(#[from] JsonlError),
}

/// Reads the fields `keys` of a file of JSON lines.
pub struct Reader {
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// The window that was handed out last.
    current: Window,
    /// Lines before it, and in it.
    n_lines: usize,
    elapsed: Duration,
}

struct Shared {
    job: Job,
    input: Mutex<Input>,
    state: Mutex<State>,
    /// A window was finished, or there is room for another.
    changed: Condvar,
}

/// The file, from which windows are cut one after another.
struct Input {
    source: Source,
    /// Bytes of the line that the last window cut in two.
    rest: Vec<u8>,
    /// Windows that were cut.
    n_cut: usize,
    ended: bool,
}

#[derive(Default)]
struct State {
    /// Finished windows by their place in the file.
    done: BTreeMap<usize, thread::Result<Result<Window, ReadError>>>,
    /// Windows whose memory can be used again.
    spare: Vec<Window>,
    /// Windows that someone has begun, and those that were handed out.
    begun: usize,
    handed: usize,
    /// No thread should begin another.
    stop: bool,
}

impl Reader {
    /// Open a file; where `text_only`, a wanted value that is not a string makes a bad line, and windows hold columns, not items.
    ///
    /// # Errors
    ///
    /// As [`files::open`].
    pub fn open(
        path: &Path,
        keys: Vec<String>,
        options: Options,
        text_only: bool,
    ) -> Result<Self, FileError> {
        Ok(Self::new(files::open(path)?, keys, options, text_only))
    }

    /// As [`Reader::open`], from any stream.
    #[must_use]
    pub fn new(source: Source, keys: Vec<String>, options: Options, text_only: bool) -> Self {
        let shared = Arc::new(Shared {
            job: Job {
                keys,
                options,
                text_only,
            },
            input: Mutex::new(Input {
                source,
                rest: Vec::new(),
                n_cut: 0,
                ended: false,
            }),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        // Where the system refuses a thread, those there are and the caller's do its part.
        let helpers = (1..options.threads.get())
            .map_while(|_| {
                let shared = Arc::clone(&shared);
                thread::Builder::new().spawn(move || shared.help()).ok()
            })
            .collect();
        Self {
            shared,
            helpers,
            current: Window::default(),
            n_lines: 0,
            elapsed: Duration::ZERO,
        }
    }

    /// Time that was spent in [`Reader::next_window`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The next lines with their numbers in the file; `None` at its end.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or as [`super::parse_jsonl`]. Nothing should be read after an error.
    pub fn next_window(&mut self) -> Result<Option<&mut Window>, ReadError> {
        let start = Instant::now();
        let spare = mem::take(&mut self.current);
        let window = self.shared.next(spare);
        self.elapsed += start.elapsed();
        let Some(window) = window else {
            return Ok(None);
        };
        let mut window = window.inspect_err(|_| self.shared.stop())?;
        let before = self.n_lines;
        self.n_lines += window.n_lines;
        window.lines.iter_mut().for_each(|line| *line += before);
        for bad in &mut window.rejects {
            bad.line += before;
        }
        if self.shared.job.options.on_bad_line == OnBadLine::Error && !window.rejects.is_empty() {
            self.shared.stop();
            return Err(JsonlError::BadLine(window.rejects.swap_remove(0)).into());
        }
        self.current = window;
        Ok(Some(&mut self.current))
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.shared.stop();
        for helper in self.helpers.drain(..) {
            // A helper hands its panic on with its window.
            let _ = helper.join();
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.state().stop = true;
        self.changed.notify_all();
    }

    /// Windows that may be begun before the first of them is handed out.
    fn most_ahead(&self) -> usize {
        2 * self.job.options.threads.get()
    }

    /// What a helper does until the file ends.
    fn help(&self) {
        loop {
            let mut state = self.state();
            while !state.stop && state.begun >= state.handed + self.most_ahead() {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
            if state.stop {
                return;
            }
            let window = state.begin();
            drop(state);
            if !self.work(window) {
                return;
            }
        }
    }

    /// The window after the one that was handed out last.
    fn next(&self, mut spare: Window) -> Option<Result<Window, ReadError>> {
        spare.clear();
        let mut state = self.state();
        state.spare.push(spare);
        loop {
            let wanted = state.handed;
            if let Some(window) = state.done.remove(&wanted) {
                state.handed += 1;
                drop(state);
                self.changed.notify_all();
                return Some(window.unwrap_or_else(|panic| panic::resume_unwind(panic)));
            }
            if !state.stop && state.begun < wanted + self.most_ahead() {
                let window = state.begin();
                drop(state);
                self.work(window);
                state = self.state();
            } else if state.begun == wanted {
                return None;
            } else {
                state = self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// Read and parse a window that was begun; false at the end of the file.
    fn work(&self, mut window: Window) -> bool {
        let outcome = panic::catch_unwind(AssertUnwindSafe(|| {
            let mut input = self.input.lock().unwrap_or_else(PoisonError::into_inner);
            let index = input.n_cut;
            match input.cut(&mut window, self.job.options) {
                Ok(true) => {}
                Ok(false) => return Ok(None),
                Err(error) => return Err((index, error.into())),
            }
            if let Some(encoding) = other_encoding(&window.buffer).filter(|_| index == 0) {
                return Err((index, JsonlError::Encoding { encoding }.into()));
            }
            drop(input);
            window.parse(&self.job, index == 0);
            Ok(Some((index, mem::take(&mut window))))
        }));
        let mut state = self.state();
        let going_on = match outcome {
            Ok(Ok(Some((index, window)))) => {
                state.done.insert(index, Ok(Ok(window)));
                true
            }
            Ok(Ok(None)) => {
                state.begun -= 1;
                state.stop = true;
                false
            }
            // A fault of the file comes after all windows that were cut before.
            Ok(Err((index, error))) => {
                state.done.insert(index, Ok(Err(error)));
                state.stop = true;
                false
            }
            Err(panic) => {
                let wanted = state.handed;
                state.done.insert(wanted, Err(panic));
                state.stop = true;
                false
            }
        };
        drop(state);
        self.changed.notify_all();
        going_on
    }
}

impl State {
    fn begin(&mut self) -> Window {
        self.begun += 1;
        self.spare.pop().unwrap_or_default()
    }
}

impl Input {
    /// The next whole lines, or all that is left; false where nothing is.
    fn cut(&mut self, window: &mut Window, options: Options) -> Result<bool, FileError> {
        if self.ended && self.rest.is_empty() {
            return Ok(false);
        }
        self.n_cut += 1;
        window.buffer.extend(&self.rest);
        self.rest.clear();
        // Bytes that are known to hold no line end.
        let mut searched = 0;
        while !self.ended {
            let wanted = options.piece_bytes.get().max(2 * searched);
            self.read(&mut window.buffer, wanted)?;
            if self.ended {
                break;
            }
            let buffer = &mut window.buffer;
            if let Some(at) = memchr::memrchr(b'\n', &buffer[searched..]) {
                self.rest.extend_from_slice(&buffer[searched + at + 1..]);
                buffer.truncate(searched + at + 1);
                return Ok(true);
            }
            searched = buffer.len();
            if searched > options.max_line_bytes.saturating_add(1) {
                window.too_long = Some(self.pass_line(buffer)?);
                return Ok(true);
            }
        }
        let any = !window.buffer.is_empty();
        self.n_cut -= usize::from(!any);
        Ok(any)
    }

    /// Read until `buffer` has `wanted` bytes or the file ends; in even steps, which `read_to_end` comes to only slowly.
    fn read(&mut self, buffer: &mut Bytes, wanted: usize) -> Result<(), FileError> {
        let wanted = wanted.max(buffer.len() + 1);
        while buffer.len() < wanted && !self.ended {
            let space = buffer.space(READ_BYTES.min(wanted - buffer.len()));
            match self.source.read(space) {
                Ok(n) => {
                    buffer.add(n);
                    self.ended = n == 0;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Count the bytes of the line that `buffer` begins, and leave what follows it in `rest`.
    fn pass_line(&mut self, buffer: &mut Bytes) -> Result<TooLong, FileError> {
        let (mut found, mut last) = (buffer.len(), buffer.last().copied());
        *buffer = Bytes::default();
        let mut chunk = Bytes::default();
        while !self.ended {
            chunk.clear();
            self.read(&mut chunk, 1 << 16)?;
            let newline = memchr::memchr(b'\n', &chunk);
            let line = &chunk[..newline.unwrap_or(chunk.len())];
            found += line.len();
            last = line.last().copied().or(last);
            if let Some(at) = newline {
                self.rest.extend_from_slice(&chunk[at + 1..]);
                found -= usize::from(last == Some(b'\r'));
                break;
            }
        }
        Ok(TooLong { found })
    }
}
