"""JupyterLab as the course uses it: `jupyter lab --config tools/jupyter_config.py`, which is what `make lab` does."""

from pathlib import Path

c = get_config()  # noqa: F821
c.LabApp.news_url = None
# The Lab would ask about news and updates all the same; overrides.json answers no.
c.LabApp.app_settings_dir = str(Path(__file__).with_name("lab_settings"))
# The pair of source and notebook is for those who edit the course: in the Lab it would only be in the way.
c.ServerApp.jpserver_extensions = {"jupyterlab_jupytext": False}
