"""The package has two forms, plain Python and compiled; `make test` runs the suite in both."""

import ctypes
import os
import sys
from pathlib import Path

import pytest

import amqtt
from amqtt.cli.version import form, version_line


@pytest.mark.skipif("AMQTT_FORM" not in os.environ, reason="nobody said which form this run is to be")
def test_this_run_is_of_the_form_that_it_says() -> None:
    wanted = os.environ["AMQTT_FORM"]
    assert form() == wanted


def test_the_version_line_says_which_form_runs() -> None:
    assert version_line().endswith(f", {form()})")


@pytest.mark.skipif("AMQTT_INSTALLED" not in os.environ, reason="this run is of whatever is on the path")
def test_this_run_is_of_the_package_as_it_was_installed() -> None:
    environment = Path(os.environ["AMQTT_INSTALLED"]).resolve()
    assert environment in Path(amqtt.__file__).resolve().parents


@pytest.mark.skipif(form() == "pure", reason="plain Python is no library")
def test_the_library_shows_the_loader_nothing_but_where_it_begins() -> None:
    library = ctypes.PyDLL(sys.modules["amqtt__mypyc"].__file__)
    assert hasattr(library, "PyInit_amqtt__mypyc")
    assert not hasattr(library, "CPyStatics_Initialize")
