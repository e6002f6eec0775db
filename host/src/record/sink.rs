//! Where a recording goes. Owns compression on the way out, and that a file appears under its name whole or
//! not at all.

use pagewalk_trace::input::Compression;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempPath};

/// Bytes gathered before they are compressed or written.
const BUFFER_BYTES: usize = 256 << 10;
/// zstd's level: recording is bound by Valgrind, not by this.
const ZSTD_LEVEL: i32 = 6;
/// xz's preset: the usual 6 would be slower than Valgrind.
const XZ_PRESET: u32 = 2;

/// An output that is being written. Dropped without [`Sink::finish`], it leaves nothing behind.
pub(super) struct Sink {
    encoder: BufWriter<Encoder>,
    /// The file's temporary and its final name.
    unfinished: Option<(TempPath, PathBuf)>,
}

enum Encoder {
    Plain(Box<dyn Write>),
    Gzip(flate2::write::GzEncoder<Box<dyn Write>>),
    Xz(xz2::write::XzEncoder<Box<dyn Write>>),
    Zstd(zstd::stream::write::Encoder<'static, Box<dyn Write>>),
    Bzip2(bzip2::write::BzEncoder<Box<dyn Write>>),
}

impl Sink {
    /// Opens `output`; `-` is standard output.
    pub fn open(output: &str, compression: Compression) -> io::Result<Self> {
        if output == "-" {
            return Self::new(Box::new(io::stdout()), compression, None);
        }
        let path = Path::new(output);
        if path.exists() && !path.is_file() {
            // A pipe or a device: there is nothing to rename.
            let file = OpenOptions::new().write(true).open(path)?;
            return Self::new(Box::new(file), compression, None);
        }
        let (file, temporary) = temporary_beside(path)?.into_parts();
        Self::new(Box::new(file), compression, Some((temporary, path.to_owned())))
    }

    fn new(
        raw: Box<dyn Write>,
        compression: Compression,
        unfinished: Option<(TempPath, PathBuf)>,
    ) -> io::Result<Self> {
        let encoder = match compression {
            Compression::Plain => Encoder::Plain(raw),
            Compression::Gzip => {
                Encoder::Gzip(flate2::write::GzEncoder::new(raw, flate2::Compression::default()))
            }
            Compression::Xz => Encoder::Xz(xz2::write::XzEncoder::new(raw, XZ_PRESET)),
            Compression::Zstd => Encoder::Zstd(zstd::stream::write::Encoder::new(raw, ZSTD_LEVEL)?),
            Compression::Bzip2 => {
                Encoder::Bzip2(bzip2::write::BzEncoder::new(raw, bzip2::Compression::default()))
            }
        };
        Ok(Self { encoder: BufWriter::with_capacity(BUFFER_BYTES, encoder), unfinished })
    }

    /// Completes the data and gives the file its name.
    pub fn finish(self) -> io::Result<()> {
        let encoder = self.encoder.into_inner().map_err(io::IntoInnerError::into_error)?;
        let mut raw = match encoder {
            Encoder::Plain(raw) => raw,
            Encoder::Gzip(encoder) => encoder.finish()?,
            Encoder::Xz(encoder) => encoder.finish()?,
            Encoder::Zstd(encoder) => encoder.finish()?,
            Encoder::Bzip2(encoder) => encoder.finish()?,
        };
        raw.flush()?;
        match self.unfinished {
            Some((temporary, name)) => temporary.persist(name).map_err(|e| e.error),
            None => Ok(()),
        }
    }
}

/// A new file in the directory of `path`, named so that a left-over explains itself, readable as any new
/// file.
fn temporary_beside(path: &Path) -> io::Result<NamedTempFile<File>> {
    let directory = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut prefix = std::ffi::OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".unfinished-");
    tempfile::Builder::new().prefix(&prefix).permissions(Permissions::from_mode(0o666)).tempfile_in(directory)
}

impl Write for Sink {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.encoder.write(data)
    }
    fn flush(&mut self) -> io::Result<()> {
        self.encoder.flush()
    }
}

impl Write for Encoder {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(raw) => raw.write(data),
            Self::Gzip(encoder) => encoder.write(data),
            Self::Xz(encoder) => encoder.write(data),
            Self::Zstd(encoder) => encoder.write(data),
            Self::Bzip2(encoder) => encoder.write(data),
        }
    }
    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(raw) => raw.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
            Self::Bzip2(encoder) => encoder.flush(),
        }
    }
}
