"""JupyterLab as the course uses it: `jupyter lab --config tools/jupyter_config.py`, which is what `make lab` does."""

c = get_config()  # noqa: F821
c.LabApp.news_url = None  # nothing to fetch, and no question about it
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
# The pair of source and notebook is for those who edit the course: in the Lab it would only be in the way.
c.ServerApp.jpserver_extensions = {"jupyterlab_jupytext": False}
