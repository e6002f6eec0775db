//! The bytes of a trace, from whatever can be read. Owns decompression by magic number, and how far the reading is; knows
//! nothing of files' names, nor of what the bytes mean.

use super::error::unusable;
use crate::TraceError;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes read from the operating system at once.
const RAW_BUFFER_BYTES: usize = 256 << 10;
/// Longest magic number.
const MAGIC_BYTES_MAX: usize = 6;

/// How a trace is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// RFC 1952, any number of members.
    Gzip,
    /// The .xz container, any number of streams.
    Xz,
    /// RFC 8878, any number of frames.
    Zstd,
    /// bzip2, any number of streams.
    Bzip2,
}

impl Compression {
    /// Every real compression with its file suffix.
    pub const SUFFIXES: [(Self, &'static str); 4] =
        [(Self::Zstd, ".zst"), (Self::Gzip, ".gz"), (Self::Xz, ".xz"), (Self::Bzip2, ".bz2")];

    /// By the first bytes of the data.
    pub fn by_magic(head: &[u8]) -> Self {
        match head {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }
    /// By the name of a file that is to be written.
    pub fn by_suffix(name: &str) -> Self {
        Self::SUFFIXES
            .into_iter()
            .find(|(_, suffix)| name.ends_with(suffix))
            .map_or(Self::Plain, |(compression, _)| compression)
    }
    /// The name that messages use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "uncompressed",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Bzip2 => "bzip2",
        }
    }
}

/// The decompressed bytes of a trace, with the name to call it by in messages.
pub struct Input {
    name: String,
    compression: Compression,
    reader: Box<dyn Read + Send>,
    progress: InputProgress,
}

/// How far an [`Input`] has been read, in bytes as stored (before decompression).
#[derive(Clone, Debug, Default)]
pub struct InputProgress {
    consumed_bytes: Arc<AtomicU64>,
    total_bytes: Option<u64>,
}

impl InputProgress {
    /// Bytes consumed and in total; `None` for pipes.
    pub fn position(&self) -> Option<(u64, u64)> {
        self.total_bytes.map(|total| (self.consumed_bytes().min(total), total))
    }
    /// Bytes consumed so far.
    pub fn consumed_bytes(&self) -> u64 {
        self.consumed_bytes.load(Ordering::Relaxed)
    }
}

impl Input {
    /// Reads `raw`, which messages call `name`; `total_bytes` is its length where it is known.
    ///
    /// # Errors
    /// When the first bytes cannot be read.
    pub fn new(
        name: &str,
        raw: impl Read + Send + 'static,
        total_bytes: Option<u64>,
    ) -> Result<Self, TraceError> {
        let progress = InputProgress { total_bytes, ..InputProgress::default() };
        let counted = Counted { raw, consumed_bytes: Arc::clone(&progress.consumed_bytes) };
        let mut raw = BufReader::with_capacity(RAW_BUFFER_BYTES, counted);
        let head = read_magic(&mut raw).map_err(|e| {
            unusable(name, &format!("cannot be read ({e})"), "check that it is a readable trace file")
        })?;
        let compression = Compression::by_magic(&head);
        let raw = io::Cursor::new(head).chain(raw);
        let reader: Box<dyn Read + Send> = match compression {
            Compression::Plain => Box::new(raw),
            Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
            Compression::Xz => Box::new(xz2::bufread::XzDecoder::new_multi_decoder(raw)),
            Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(raw)),
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(raw).map_err(|e| {
                unusable(name, &format!("cannot be decompressed as zstd ({e})"), "check that it is complete")
            })?),
        };
        Ok(Self { name: name.to_owned(), compression, reader, progress })
    }

    /// Reads bytes that are already in memory, compressed or not.
    ///
    /// # Errors
    /// Only when a decompressor cannot be set up.
    pub fn from_bytes(name: &str, bytes: impl AsRef<[u8]> + Send + 'static) -> Result<Self, TraceError> {
        let total_bytes = bytes.as_ref().len() as u64;
        Self::new(name, io::Cursor::new(bytes), Some(total_bytes))
    }

    /// The name that messages use.
    pub fn name(&self) -> &str {
        &self.name
    }
    /// How the data is compressed.
    pub fn compression(&self) -> Compression {
        self.compression
    }
    /// A handle that tells how far the reading has come.
    pub fn progress(&self) -> InputProgress {
        self.progress.clone()
    }

    /// What to say when reading failed after some decompressed bytes.
    pub(super) fn failure(&self, error: &io::Error, text_offset: u64) -> TraceError {
        let raw = self.progress.consumed_bytes();
        match self.compression {
            Compression::Plain => unusable(
                &self.name,
                &format!("byte {text_offset}: reading failed ({error})"),
                "what came before was used",
            ),
            packed => unusable(
                &self.name,
                &format!(
                    "{} data is damaged or cut off near byte {raw}, byte {text_offset} of the text ({error})",
                    packed.name()
                ),
                "what came before was used; copy or record the file again",
            ),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader.read(buffer)
    }
}

/// The first bytes, as many as there are up to the longest magic number. A pipe may deliver them one by one.
fn read_magic(raw: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(MAGIC_BYTES_MAX);
    raw.take(MAGIC_BYTES_MAX as u64).read_to_end(&mut head)?;
    Ok(head)
}

/// A reader that counts what passes through it.
struct Counted<R> {
    raw: R,
    consumed_bytes: Arc<AtomicU64>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.raw.read(buffer)?;
        self.consumed_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}
