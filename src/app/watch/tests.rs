use std::fs;
use std::future::Future;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use futures::future::poll_immediate;

use super::*;

/// Ends a test that would wait for ever. What is waited for comes in a fraction of it.
async fn soon<T>(event: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), event).await.expect("nothing was told")
}

/// A folder with a configuration in it, under watch.
fn watched(text: &str) -> (tempfile::TempDir, PathBuf, ConfigWatch) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ampgate.yaml");
    fs::write(&file, text).unwrap();
    let watch = ConfigWatch::start(vec![file.clone()]);
    assert!(watch.watcher.is_some(), "this system tells of no events");
    (folder, file, watch)
}

/// Whether what was told last is what the file holds now.
fn knows(watch: &mut ConfigWatch) -> bool {
    watch.look() == Verdict::Same
}

/// Puts `text` in the place of `file` as most editors do.
fn replace(file: &Path, text: &str) {
    let draft = file.with_extension("draft");
    fs::write(&draft, text).unwrap();
    fs::rename(&draft, file).unwrap();
}

#[actix_web::test]
async fn a_file_written_in_place_has_changed() {
    let (_folder, file, mut watch) = watched("port: 1");

    for text in ["port: 2", "port: 3"] {
        fs::write(&file, text).unwrap();
        soon(watch.changed()).await;
        assert!(knows(&mut watch), "{text}");
    }
}

#[actix_web::test]
async fn a_file_renamed_over_it_is_seen_each_time() {
    let (_folder, file, mut watch) = watched("port: 1");

    for text in ["port: 2", "port: 3", "port: 4"] {
        replace(&file, text);
        soon(watch.changed()).await;
        assert!(knows(&mut watch), "{text}");
    }
}

/// The shape that the kubelet gives to a `ConfigMap`, and its way to change it.
#[actix_web::test]
async fn a_config_map_is_followed_to_its_next_directory() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let publish = |directory: &str, text: &str| {
        fs::create_dir(root.join(directory)).unwrap();
        fs::write(root.join(directory).join("ampgate.yaml"), text).unwrap();
        symlink(directory, root.join("..data_tmp")).unwrap();
        fs::rename(root.join("..data_tmp"), root.join("..data")).unwrap();
    };
    publish("..1", "port: 1");
    symlink("..data/ampgate.yaml", root.join("ampgate.yaml")).unwrap();
    let mut watch = ConfigWatch::start(vec![root.join("ampgate.yaml")]);

    publish("..2", "port: 2");
    fs::remove_dir_all(root.join("..1")).unwrap();
    soon(watch.changed()).await;
    assert!(knows(&mut watch));

    publish("..3", "port: 3");
    soon(watch.changed()).await;

    fs::write(root.join("..3/ampgate.yaml"), "port: 4").unwrap();
    soon(watch.changed()).await;
    assert!(knows(&mut watch));
}

#[actix_web::test]
async fn a_file_emptied_and_then_written_in_pieces_changes_once() {
    let (_folder, path, mut watch) = watched("port: 1");
    let mut file = fs::File::options().write(true).open(&path).unwrap();

    file.set_len(0).unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Same, "an empty file is waited for");
    file.write_all(b"port: 2\n").unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Unsettled, "half a file is not taken at once");
    file.write_all(b"host: h\n").unwrap();
    soon(watch.changed()).await;

    assert_eq!(fs::read_to_string(&path).unwrap(), "port: 2\nhost: h\n");
    assert!(knows(&mut watch), "the whole content was told, so nothing is left to tell");
}

#[actix_web::test]
async fn another_file_in_the_directory_is_no_change() {
    let (folder, file, mut watch) = watched("port: 1");

    fs::write(folder.path().join("other.log"), "x").unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Same);

    replace(&file, "port: 2");
    soon(watch.changed()).await;
    assert!(knows(&mut watch));
}

#[test]
fn looking_is_no_reason_to_look_again() {
    use notify::event::{CreateKind, DataChange, MetadataKind, ModifyKind, RemoveKind, RenameMode};
    #[rustfmt::skip] // columns are easier to proofread
    let cases = [
        (EventKind::Access(AccessKind::Open(AccessMode::Any)),     false, "we opened it"),
        (EventKind::Access(AccessKind::Read),                      false, "we read it"),
        (EventKind::Access(AccessKind::Close(AccessMode::Read)),   false, "we closed it"),
        (EventKind::Access(AccessKind::Close(AccessMode::Write)),  true,  "somebody has written"),
        (EventKind::Modify(ModifyKind::Data(DataChange::Any)),     true,  "somebody writes"),
        (EventKind::Modify(ModifyKind::Name(RenameMode::To)),      true,  "something took a name"),
        (EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any)), true, "it may be ours to read now"),
        (EventKind::Create(CreateKind::File),                      true,  "a link may be a file, too"),
        (EventKind::Remove(RemoveKind::Folder),                    true,  "the watch may be gone"),
        (EventKind::Other,                                         true,  "events were lost"),
    ];
    for (kind, expected, why) in cases {
        assert_eq!(is_reason_to_look(kind), expected, "{kind:?}: {why}");
    }
}

#[actix_web::test]
async fn a_file_removed_and_made_again_changes_when_it_holds_something_else() {
    let (_folder, file, mut watch) = watched("port: 1");

    fs::remove_file(&file).unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Same, "a file that is gone is waited for");
    fs::write(&file, "port: 1").unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Same, "the same again");
    fs::remove_file(&file).unwrap();
    fs::write(&file, "port: 2").unwrap();

    soon(watch.changed()).await;
    assert!(knows(&mut watch));
}

#[actix_web::test]
async fn a_directory_put_in_the_place_of_the_old_one_is_watched() {
    let outer = tempfile::tempdir().unwrap();
    let (folder, file) = (outer.path().join("etc"), outer.path().join("etc/ampgate.yaml"));
    fs::create_dir(&folder).unwrap();
    fs::write(&file, "port: 1").unwrap();
    let mut watch = ConfigWatch::start(vec![file.clone()]);

    fs::remove_dir_all(&folder).unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Same);
    fs::create_dir(&folder).unwrap();
    fs::write(&file, "port: 2").unwrap();
    soon(watch.changed()).await;

    fs::rename(&folder, outer.path().join("old")).unwrap();
    soon(watch.stirred()).await;
    assert_eq!(watch.look(), Verdict::Same);
    fs::create_dir(&folder).unwrap();
    fs::write(&file, "port: 3").unwrap();
    soon(watch.changed()).await;
    replace(&file, "port: 4");
    soon(watch.changed()).await;
    assert!(knows(&mut watch));
}

#[actix_web::test]
async fn files_can_be_added_and_taken_out() {
    let (_folder, file, mut watch) = watched("port: 1");
    let secrets = tempfile::tempdir().unwrap();
    let secret = secrets.path().join("key");
    fs::write(&secret, "one").unwrap();

    watch.set_paths(vec![file.clone(), secret.clone()]);
    fs::write(&secret, "two").unwrap();
    soon(watch.changed()).await;

    watch.set_paths(vec![file.clone()]);
    fs::write(&secret, "three").unwrap();
    assert_eq!(watch.look(), Verdict::Same, "nobody asks for it any more");
    fs::write(&file, "port: 2").unwrap();
    soon(watch.changed()).await;
    assert!(knows(&mut watch));
}

/// A reload reads the file, then says which files it read: a change in between must not get lost.
#[actix_web::test]
async fn a_change_before_the_files_are_named_again_is_told() {
    let (_folder, file, mut watch) = watched("port: 1");

    fs::write(&file, "port: 2").unwrap();
    watch.set_paths(vec![file]);

    soon(watch.changed()).await;
}

#[actix_web::test]
async fn waiting_may_be_broken_off() {
    let (_folder, file, mut watch) = watched("port: 1");
    fs::write(&file, "port: 2").unwrap();

    let broken_off = async {
        // Until one of them has taken the event with it.
        watch.unsettled = false;
        while !watch.unsettled {
            assert_eq!(poll_immediate(watch.changed()).await, None);
            tokio::task::yield_now().await;
        }
    };
    soon(broken_off).await;

    soon(watch.changed()).await;
    assert!(knows(&mut watch));
}

#[actix_web::test]
async fn without_events_it_looks_at_intervals() {
    let (_folder, file, mut watch) = watched("port: 1");
    watch.poll = Duration::from_millis(1);
    watch.poll_instead("no watches are left");

    for text in ["port: 2", "port: 3"] {
        fs::write(&file, text).unwrap();
        soon(watch.changed()).await;
        assert!(knows(&mut watch), "{text}");
    }
}

#[actix_web::test]
async fn its_thread_ends_with_it() {
    let (_folder, _file, watch) = watched("port: 1");
    let ConfigWatch { watcher, mut events, .. } = watch;

    drop(watcher);

    // The thread holds the other end of the channel.
    soon(async { while events.recv().await.is_some() {} }).await;
}
