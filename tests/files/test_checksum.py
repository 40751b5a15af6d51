"""Checksums of files."""

import hashlib

from neural_style.files.checksum import BLOCK_BYTES, sha256


def test_sha256_is_that_of_the_content(tmp_path):
    for content in (b'', b'abc', bytes(BLOCK_BYTES + 1)):
        (tmp_path / 'file').write_bytes(content)
        assert sha256(str(tmp_path / 'file')) == hashlib.sha256(content).hexdigest()
