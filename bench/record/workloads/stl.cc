// C++ that leans on the standard library: what a compiler has most work with for its length.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <queue>
#include <sstream>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

struct record {
  std::string name;
  std::vector<double> values;
  std::map<std::string, std::variant<int, double, std::string>> fields;
};

template <typename T> using table = std::unordered_map<std::string, std::shared_ptr<T>>;

static table<record> read(std::istream &in) {
  table<record> all;
  for (std::string line; std::getline(in, line);) {
    auto one = std::make_shared<record>();
    std::istringstream words(line);
    words >> one->name;
    for (std::string key, value; words >> key >> value;) {
      if (value.front() == '"') one->fields.emplace(key, value.substr(1));
      else if (value.find('.') == value.npos) one->fields.emplace(key, std::stoi(value));
      else one->values.push_back(std::stod(value));
    }
    all.emplace(one->name, std::move(one));
  }
  return all;
}

static double score(record const &one) {
  auto const visit = [](auto const &v) -> double {
    if constexpr (std::is_arithmetic_v<std::decay_t<decltype(v)>>) return v;
    else return double(v.size());
  };
  return std::accumulate(one.fields.begin(), one.fields.end(), double(one.values.size()),
                         [&](double sum, auto const &f) { return sum + std::visit(visit, f.second); });
}

int main() {
  auto all = read(std::cin);
  std::vector<std::pair<double, std::string>> order;
  std::transform(all.begin(), all.end(), std::back_inserter(order),
                 [](auto const &kv) { return std::pair(score(*kv.second), kv.first); });
  std::sort(order.begin(), order.end(), std::greater<>());
  std::priority_queue<std::pair<double, std::string>> queue(order.begin(), order.end());
  for (; !queue.empty(); queue.pop()) std::cout << queue.top().second << '\n';
}
