//! Files of options, each read once however many settings stand in it.

use super::keyvalue::{self, Entry, Format};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use vantage::{FileError, Vantage};

/// Files that are read for being included by others, in MySQL's format: they may include each other
/// in a circle.
const MAX_INCLUDED: usize = 64;

/// The files that were read, and what became of it.
pub(super) struct Files<'a> {
    from: &'a Vantage,
    read: RefCell<Vec<(PathBuf, Format, Read)>>,
}

type Read = Result<Rc<OptionFile>, FileError>;

/// What a file says, with what it includes.
#[derive(Debug, Default)]
pub(super) struct OptionFile {
    /// Entries in their order, and the file they stand in.
    parts: Vec<(PathBuf, Vec<Entry>)>,
    /// Why files that it includes are not among them.
    pub(super) unread: Vec<FileError>,
}

impl<'a> Files<'a> {
    pub(super) fn new(from: &'a Vantage) -> Self {
        Self { from, read: RefCell::default() }
    }

    /// A file and what it includes, as it was when it was first asked for.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn read(&self, path: &Path, format: Format) -> Read {
        let mut read = self.read.borrow_mut();
        let known = read.iter().find(|(other, of, _)| other == path && *of == format);
        if let Some((.., known)) = known {
            return known.clone();
        }
        let (mut file, mut left) = (OptionFile::default(), MAX_INCLUDED);
        let added = file.add(path, format, &mut left, self.from);
        let found = added.map(|()| Rc::new(file));
        read.push((path.to_owned(), format, found.clone()));
        found
    }
}

impl OptionFile {
    /// The entry that counts for an option, and the file it stands in.
    pub(super) fn find(&self, format: Format, section: &str, key: &str) -> Option<(&Path, Entry)> {
        // Of what includes others, the last one counts.
        self.parts.iter().rev().find_map(|(path, entries)| {
            Some((path.as_path(), keyvalue::find(format, entries, section, key)?))
        })
    }

    fn add(
        &mut self,
        path: &Path,
        format: Format,
        left: &mut usize,
        from: &Vantage,
    ) -> Result<(), FileError> {
        let text = from.read_text(path)?;
        let mut entries = Vec::new();
        for entry in keyvalue::parse(format, &text) {
            let included = match (format, entry.key.as_str()) {
                (Format::MyCnf, "!include") => vec![PathBuf::from(&entry.value)],
                (Format::MyCnf, "!includedir") => my_cnf_files(Path::new(&entry.value), from),
                _ => Vec::new(),
            };
            entries.push(entry);
            if !included.is_empty() {
                self.parts.push((path.to_owned(), std::mem::take(&mut entries)));
            }
            for file in included {
                let Some(one_less) = left.checked_sub(1) else { break };
                *left = one_less;
                if let Err(error) = self.add(&file, format, left, from) {
                    self.unread.push(error);
                }
            }
        }
        self.parts.push((path.to_owned(), entries));
        Ok(())
    }
}

fn my_cnf_files(folder: &Path, from: &Vantage) -> Vec<PathBuf> {
    let mut names = from.names(folder).unwrap_or_default();
    names.retain(|name| Path::new(name).extension().is_some_and(|it| it == "cnf"));
    names.sort();
    names.into_iter().map(|name| folder.join(name)).collect()
}
