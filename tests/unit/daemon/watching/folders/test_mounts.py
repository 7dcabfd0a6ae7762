"""Which folders have to be polled, by the table of mounts."""

from __future__ import annotations

from hostler.daemon.watching.folders.mounts import Mounts


def test_remote_file_systems() -> None:
    mounts = Mounts(
        "/dev/vda / ext4 rw 0 0\nserver:/x /mnt/a\\040b nfs4 rw 0 0\n"
        "tmpfs /mnt/a\\040b/local tmpfs rw 0 0\nhost /home/me/sshfs fuse.sshfs rw 0 0\n"
        "/dev/sdb /ntfs fuseblk rw 0 0\n"
    )
    assert [
        mounts.is_remote(path)
        for path in ("/", "/mnt", "/mnt/a b", "/mnt/a b/c", "/mnt/a b/local/d", "/mnt/a bc")
    ] == [False, False, True, True, False, False]
    assert mounts.is_remote("/home/me/sshfs/project")
    assert not mounts.is_remote("/ntfs/project")
