# docker build -t gioconda . && docker run --rm -p 7860:7860 -v gioconda:/kept gioconda      then open http://localhost:7860
# The volume keeps the signing identity and the ledger. Without it they end with the container, and what was made is not known as
# made here by the next one; an operator's own certificate may come by GIOCONDA_CERTIFICATES and GIOCONDA_KEY (docs/provenance.md).
# The libraries are wheels without system dependencies; nothing is fetched at run time.
FROM python:3.11-slim

# The working folder belongs to the user too: the page keeps its cache there.
RUN useradd --create-home --uid 1000 gioconda \
    && install -d -o gioconda -g gioconda /home/gioconda/app \
    && install -d -o gioconda -g gioconda -m 700 /kept
USER gioconda
WORKDIR /home/gioconda/app
ENV PATH=/home/gioconda/.local/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    GRADIO_ANALYTICS_ENABLED=False \
    HF_HUB_DISABLE_TELEMETRY=1 \
    GIOCONDA_CONFIG=/kept/identity \
    GIOCONDA_DATA=/kept/ledger

# Requirements alone first: a change of the code does not install them again.
COPY --chown=gioconda:gioconda requirements.txt .
RUN pip install --user -r requirements.txt

COPY --chown=gioconda:gioconda . .

EXPOSE 7860
CMD ["python", "app.py", "--host", "0.0.0.0", "--port", "7860"]
